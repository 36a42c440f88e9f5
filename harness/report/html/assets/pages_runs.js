"use strict";
/* Sessions: all of them, and one with its provenance, its counts and its verdicts. */
(() => {
  const C = SC.claims;
  const GROUPS = [
    [
      "When",
      ["started", "finished", "duration_s", "training_s", "measuring_s", "other_s", "mode", "judged", "rejudges", "recovered"],
    ],
    [
      "What",
      [
        "argv",
        "scales",
        "seeds",
        "seed_base",
        "selected",
        "measured",
        "skipped",
        "errored",
        "supported",
        "refuted",
        "inconclusive",
        "trained",
        "ci_url",
      ],
    ],
    ["Code", ["git_sha", "git_dirty", "diff_sha", "harness", "schema_version", "loop_version"]],
    [
      "Versions",
      ["python", "torch", "transformers", "peft", "trl", "lm_eval", "numpy", "scipy", "duckdb", "pyarrow", "pytest"],
    ],
    ["Machine", ["cpu", "gpu", "driver", "blas", "threads", "tf32", "deterministic", "default_dtype"]],
  ];

  SC.page("runs", {
    title: ([id]) => (id ? `Session ${id}` : "Sessions"),
    nav: "Sessions",
    order: 20,
    render(element, [id]) {
      if (id) one(element, id);
      else all(element);
    },
  });

  function machine(run) {
    return [run.cpu, run.gpu].filter(Boolean).join(", ") || "–";
  }

  function all(element) {
    const list = SC.rows(SC.data("runs"))
      .reverse()
      .map((run) => ({
        ...run,
        commit: run.git_sha ? run.git_sha.slice(0, 9) + (run.git_dirty ? " +" : "") : null,
        machine: machine(run),
        at: (run.scales ?? []).join(", "),
      }));
    const columns = [
      { key: "started", label: "started", href: (run) => SC.link("runs", run.run_id), show: (value) => value.slice(0, 16) },
      { key: "mode", label: "mode" },
      { key: "judged", label: "judged as" },
      { key: "at", label: "scales" },
      { key: "seeds", label: "seeds", type: "number" },
      { key: "supported", label: "✓ supported", type: "number" },
      { key: "refuted", label: "✕ refuted", type: "number" },
      { key: "inconclusive", label: "? inconclusive", type: "number" },
      { key: "skipped", label: "skipped", type: "number" },
      { key: "duration_s", label: "took", type: "number", show: (value) => SC.seconds(value) },
      { key: "commit", label: "commit" },
      { key: "machine", label: "machine" },
    ];
    const machines = new Set(list.map((run) => run.machine)).size;
    SC.add(element, [
      SC.el("h1", { tabindex: "-1" }, "Sessions"),
      SC.text(
        "p",
        `${SC.count(list.length, "session")} on ${SC.count(machines, "kind")} of machine; + marks uncommitted changes. Times are UTC.`,
        "quiet",
      ),
      SC.table(columns, list, { caption: "Sessions", csvName: "sessions", empty: "none stored" }),
    ]);
  }

  function one(element, id) {
    const runs = SC.data("runs");
    const session = Array.from({ length: runs.n }, (_, i) => i).find((i) => SC.cell(runs, "run_id", i) === id);
    if (session === undefined) return SC.missing(element, `There is no session ${id} in this report.`);
    const run = SC.row(runs, session);
    const value = (name) =>
      name.endsWith("_s") && typeof run[name] === "number"
        ? SC.seconds(run[name])
        : Array.isArray(run[name])
          ? run[name].join(", ")
          : typeof run[name] === "boolean"
            ? run[name]
              ? "yes"
              : "no"
            : SC.number(run[name], 6);
    const named = new Set(["run_id", "verdicts", ...GROUPS.flatMap(([, names]) => names)]);
    const groups = [...GROUPS, ["More", Object.keys(run).filter((name) => !named.has(name))]]
      .map(([label, names]) => [
        label,
        names.filter((name) => run[name] !== null && run[name] !== undefined && run[name] !== ""),
      ])
      .filter(([, names]) => names.length);
    SC.add(element, [
      SC.el("p", { class: "crumbs" }, SC.el("a", { href: SC.link("runs") }, "Sessions")),
      SC.el("h1", { tabindex: "-1" }, `Session of ${C.when(session)} UTC`),
      SC.el("p", { class: "quiet" }, SC.text("code", id)),
      run.rejudges
        ? SC.el(
            "p",
            {},
            "Judges again the values of ",
            SC.el("a", { href: SC.link("runs", run.rejudges) }, run.rejudges),
            ", whose verdicts it replaces.",
          )
        : null,
      SC.el(
        "div",
        { class: "groups" },
        groups.map(([label, names]) =>
          SC.el(
            "section",
            { class: "panel" },
            SC.text("h2", label),
            SC.el(
              "dl",
              { class: "pairs" },
              names.flatMap((name) => [
                SC.text("dt", name.replace(/_s$/, "").replaceAll("_", " ")),
                SC.text("dd", value(name)),
              ]),
            ),
          ),
        ),
      ),
      verdictsOf(session),
    ]);
  }

  function verdictsOf(session) {
    const table = SC.data("history");
    const list = [];
    table.columns.session?.forEach((at, i) => {
      if (at !== session) return;
      const step = SC.row(table, i);
      list.push({
        ...step,
        index: step.claim,
        claim: C.at("claim_id", step.claim),
        scale: C.at("scale", step.claim),
        kind: C.kindOf(step.verdict, step.reason),
      });
    });
    list.sort((a, b) => C.ORDER[a.kind] - C.ORDER[b.kind] || a.index - b.index);
    const columns = [
      { key: "claim", label: "claim", href: (row) => C.linkTo(row.index) },
      { key: "scale", label: "scale" },
      { key: "verdict", label: "verdict", show: (_, row) => C.badge(row.kind, row.reason) },
      { key: "estimate", label: "estimate", type: "number" },
      { key: "ci_low", label: "low", type: "number" },
      { key: "ci_high", label: "high", type: "number" },
      { key: "n", label: "n", type: "number" },
      { key: "version", label: "version", type: "number" },
    ];
    return SC.table(columns, list, {
      caption: "Verdicts",
      csvName: `session-${C.run(session, "run_id")}`,
      empty: "this session judged nothing, or its verdicts are older than the history kept here",
    });
  }
})();
