"use strict";
/* Where a claim's verdict comes from: its session, its trained runs, its spec, and the SQL that gives the same numbers. */
(() => {
  const C = SC.claims;

  function behind(row) {
    if (row.session === null) return null;
    const told = [
      ["session", SC.el("a", { href: SC.link("runs", C.run(row.session, "run_id")) }, C.run(row.session, "run_id"))],
      ["commit", commit(row.session)],
      ["took", SC.seconds(C.run(row.session, "duration_s"))],
      [
        "this claim's measurements",
        SC.seconds(
          row.series.length && row.series.some((entry) => entry.seconds !== null)
            ? row.series.reduce((sum, entry) => sum + (entry.seconds ?? 0), 0)
            : null,
        ),
      ],
      ["harness", C.run(row.session, "harness")],
      ["torch", C.run(row.session, "torch")],
      ["Python", C.run(row.session, "python")],
      ["processor", C.run(row.session, "cpu")],
      ["GPU", C.run(row.session, "gpu")],
      ["test", row.nodeid],
    ];
    return SC.el(
      "section",
      {},
      SC.text("h2", "The session behind it"),
      SC.el(
        "dl",
        { class: "facts small" },
        told.filter(([, value]) => value).map(([name, value]) => SC.el("div", {}, SC.text("dt", name), SC.el("dd", {}, value))),
      ),
    );
  }

  const commit = (session) =>
    C.run(session, "git_sha")
      ? `${C.run(session, "git_sha").slice(0, 12)}${C.run(session, "git_dirty") ? " with uncommitted changes" : ""}`
      : null;

  function keysOf(row) {
    const found = C.rowsAbout("keys", row.index);
    if (!found.length) return null;
    const { words } = SC.data("keys");
    const list = found.map(({ seed, keys }) => ({ seed, n: keys.length, keys: keys.map((key) => words[key]).join(" ") }));
    const details = SC.el(
      "details",
      {
        ontoggle: () => {
          if (details.open && !details.querySelector("table"))
            details.append(
              SC.table(
                [
                  { key: "seed", label: "seed", type: "number" },
                  { key: "n", label: "runs", type: "number" },
                  { key: "keys", label: "keys", show: (keys) => SC.text("code", keys) },
                ],
                list,
                { caption: "Run keys", csvName: `${row.claim_id}-${row.scale}-runs` },
              ),
            );
        },
      },
      SC.text(
        "summary",
        `Run keys: ${SC.count(new Set(found.flatMap(({ keys }) => keys)).size, "trained run")} behind ${SC.count(list.length, "replicate")}`,
      ),
    );
    return SC.el("section", {}, SC.text("h2", "Runs"), details);
  }

  function specOf(row) {
    const made = SC.el(
      "section",
      {},
      SC.text("h2", "Spec"),
      SC.el(
        "p",
        {},
        "hash ",
        SC.text("code", row.spec_sha ?? "–"),
        `, version ${row.version}${row.spec?.why ? `: ${row.spec.why}` : ""}`,
      ),
    );
    if (SC.data("page").large)
      made.append(
        SC.text("p", "The specs of so large a store are left out of this file; the SQL below gets this one.", "quiet"),
        sql(`select spec from claims where ${where(row)} order by run_id desc limit 1`),
      );
    else if (row.spec !== null)
      made.append(
        SC.el(
          "details",
          { open: false },
          SC.text("summary", "The spec as JSON"),
          SC.text("pre", typeof row.spec === "string" ? row.spec : JSON.stringify(row.spec, null, 2)),
        ),
      );
    return made;
  }

  const literal = (value) => `'${String(value).replaceAll("'", "''")}'`;
  const where = (row) => `claim_id = ${literal(row.claim_id)} and scale = ${literal(row.scale)}`;

  function sqlOf(row) {
    return SC.el(
      "section",
      {},
      SC.text("h2", "SQL"),
      SC.text("p", "Each runs as written in `harness query`.", "quiet"),
      SC.text("h3", "The verdict"),
      sql(`from latest_verdict where ${where(row)}`),
      SC.text("h3", "The values behind it"),
      sql(
        `select role, control, seed, value, value2, status from evidence(${literal(row.claim_id)}) where scale = ${literal(row.scale)}`,
      ),
      SC.text("h3", "Its history"),
      sql(
        `select measured_at, verdict, reason, estimate, ci_low, ci_high, n, version from standing where ${where(row)} order by measured_at`,
      ),
    );
  }

  /** A statement with a button that copies it, and one for the whole command. */
  function sql(statement) {
    const said = SC.el("span", { role: "status", class: "quiet" });
    const shell = `harness query "${statement.replace(/[\\"$`]/g, "\\$&")}"`;
    const copy = (label, content) => SC.button(label, () => put(content, said), { class: "tool copy" });
    return SC.el(
      "div",
      { class: "sql" },
      SC.el("pre", { tabindex: "0" }, SC.text("code", statement)),
      SC.el("div", { class: "tools" }, copy("Copy the SQL", statement), copy("Copy the command", shell), said),
    );
  }

  async function put(content, said) {
    try {
      await navigator.clipboard.writeText(content);
    } catch {
      // a file may be refused the clipboard: then by selection
      const area = SC.el("textarea", { style: { position: "fixed", opacity: "0" } });
      area.value = content;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    said.textContent = "copied";
    setTimeout(() => {
      said.textContent = "";
    }, 2000);
  }

  Object.assign(C, { behind, keysOf, specOf, sqlOf });
})();
