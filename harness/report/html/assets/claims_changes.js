"use strict";
/* What changed from a session on: verdicts that flipped, claims that are new or gone, reasons and specs that are others. */
SC.changes = (() => {
  const C = SC.claims;
  const LISTED = 6;

  /** Changes from a session on, newest first; claims that were gone by then among them. */
  function since(session) {
    const table = SC.data("changes");
    const found = [];
    for (let i = 0; i < table.n && table.columns.session[i] >= session; i += 1) found.push(SC.row(table, i));
    const gone = C.all().columns.gone;
    gone.forEach((at, claim) => {
      if (at !== null && at >= session) found.push({ claim, session: at, kind: "gone" });
    });
    return found;
  }

  function panel(state, refill) {
    const runs = SC.data("runs");
    const newest = latest();
    const body = SC.el("div");
    const choice = SC.el("select", {
      "aria-label": "Changes since the session of",
      onchange: () => {
        state.since = choice.value;
        fill();
        refill();
      },
    });
    for (let session = newest, left = 30; session >= 0 && left; session -= 1) {
      if (!isJudging(session)) continue;
      left -= 1;
      const label = session === newest ? "the last session" : "sessions from";
      choice.append(
        SC.el(
          "option",
          { value: C.run(session, "run_id") },
          `${label} ${C.when(session)} on`.replace(/^the last session (.*) on$/, "the last session, $1"),
        ),
      );
    }
    if ([...choice.options].some((option) => option.value === state.since)) choice.value = state.since;
    function fill() {
      const from = runs.n ? Math.max(0, indexOfRun(choice.value)) : 0;
      const found = since(from);
      const judged = C.run(from, "verdicts");
      const of = (kind) => found.filter((change) => change.kind === kind);
      const counts = Object.entries(C.NAMES)
        .map(([kind, name]) => [name, of(kind).length, kind])
        .filter(([, n]) => n);
      const first = [...of("flip"), ...of("gone"), ...of("reason"), ...of("spec")];
      body.replaceChildren(
        counts.length
          ? SC.el(
              "p",
              { class: "tally" },
              counts.map(([name, n, kind]) =>
                SC.el("span", { class: `pill ${kind}` }, SC.text("b", n), ` ${n === 1 ? name : C.NAMES_OF_MANY[kind]}`),
              ),
            )
          : SC.text(
              "p",
              from === newest
                ? `Nothing: its ${SC.count(judged, "verdict")} ${judged === 1 ? "is" : "are"} as before.`
                : "Nothing.",
            ),
        first.length ? "" : lastFlip(),
        first.length ? SC.el("ul", { class: "changes" }, first.slice(0, LISTED).map(changeLine)) : "",
        first.length > LISTED || of("new").length ? everyChange([...first, ...of("new")]) : "",
      );
    }
    fill();
    return SC.el(
      "section",
      { class: "panel", "aria-labelledby": "changed" },
      SC.el("div", { class: "heading" }, SC.el("h2", { id: "changed" }, "What changed"), choice),
      body,
    );
  }

  /** Where nothing changed: the verdict that flipped last, so that the panel is never a dead end. */
  function lastFlip() {
    const flip = since(0).find((change) => change.kind === "flip");
    return flip
      ? SC.el(
          "div",
          {},
          SC.text("p", `The last flip, in the session of ${C.when(flip.session)}:`, "quiet"),
          SC.el("ul", { class: "changes" }, changeLine(flip)),
        )
      : "";
  }

  const isJudging = (session) => C.run(session, "verdicts") > 0;

  function latest() {
    let session = SC.data("runs").n - 1;
    while (session > 0 && !isJudging(session)) session -= 1;
    return session;
  }

  function indexOfRun(id) {
    const runs = SC.data("runs");
    for (let i = 0; i < runs.n; i += 1) if (SC.cell(runs, "run_id", i) === id) return i;
    return -1;
  }

  /** One change as a line: the claim, what it was, what it is. */
  function changeLine(change) {
    const now = change.kind === "gone" ? C.kind(change.claim) : C.kindOf(change.verdict, change.reason);
    const before = change.previous_verdict
      ? C.badge(C.kindOf(change.previous_verdict, change.previous_reason), change.previous_reason)
      : null;
    const what = {
      flip: () => [
        before,
        " → ",
        C.badge(now, change.reason),
        change.is_spec_changed ? ` (its spec changed too: version ${change.previous_version} to ${change.version})` : "",
      ],
      reason: () => [before, " → ", C.badge(now, change.reason)],
      spec: () => [C.badge(now, change.reason), ` the spec changed: version ${change.previous_version} to ${change.version}`],
      gone: () => [
        "not measured since ",
        C.when(C.at("session", change.claim)),
        ", was ",
        C.badge(now, C.at("reason", change.claim)),
      ],
      new: () => ["new: ", C.badge(now, change.reason)],
    }[change.kind]();
    return SC.el(
      "li",
      {},
      SC.el("a", { href: C.linkTo(change.claim) }, C.at("claim_id", change.claim)),
      ` [${C.at("scale", change.claim)}] `,
      what,
    );
  }

  function everyChange(found) {
    const rows = found.map((change) => ({
      claim: C.at("claim_id", change.claim),
      scale: C.at("scale", change.claim),
      what: C.NAMES[change.kind],
      was: change.previous_verdict ?? "",
      verdict: change.verdict ?? C.at("verdict", change.claim),
      reason: change.reason ?? "",
      estimate_before: change.previous_estimate ?? null,
      estimate: change.estimate ?? null,
      version_before: change.previous_version ?? null,
      version: change.version ?? null,
      session: C.when(change.session),
      index: change.claim,
    }));
    const columns = [
      { key: "claim", label: "claim", href: (row) => C.linkTo(row.index) },
      { key: "scale", label: "scale" },
      { key: "what", label: "what" },
      { key: "was", label: "was" },
      { key: "verdict", label: "is" },
      { key: "reason", label: "reason" },
      { key: "estimate_before", label: "estimate then", type: "number" },
      { key: "estimate", label: "estimate", type: "number" },
      { key: "version_before", label: "version then", type: "number" },
      { key: "version", label: "version", type: "number" },
      { key: "session", label: "session" },
    ];
    const details = SC.el(
      "details",
      {
        ontoggle: () => {
          if (details.open && !details.querySelector("table"))
            details.append(SC.table(columns, rows, { caption: "Changes", limit: 100 }));
        },
      },
      SC.text("summary", `All ${SC.count(rows.length, "change")}`),
    );
    return details;
  }

  /** Rows whose verdict flipped since the session that is asked for, the last one otherwise. */
  function flipped(runId) {
    const from = Math.max(0, runId ? indexOfRun(runId) : latest());
    return new Set(
      since(from)
        .filter((change) => change.kind === "flip")
        .map((change) => change.claim),
    );
  }

  return { panel, flipped };
})();
