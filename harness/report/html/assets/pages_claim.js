"use strict";
/* One claim at one scale: what it says, what came out, what would settle it; then its picture, numbers, history and source. */
(() => {
  const C = SC.claims;
  SC.page("claim", {
    title: ([id, scale]) => `${id} [${scale}]`,
    keys: [["← →", "the claim before and after, of this paper"]],
    render(element, [id, scale]) {
      const rows = C.rowsOf(id);
      const index = rows.find((row) => C.at("scale", row) === scale) ?? (scale === undefined ? rows[0] : undefined);
      if (index === undefined) return SC.missing(element, `There is no claim ${id} at scale ${scale} in this report.`);
      const row = { ...SC.row(C.all(), index), ...SC.row(SC.data("details"), index), index };
      row.spec = row.spec === null ? null : SC.data("specs_of_claims")[row.spec];
      row.series = C.rowsAbout("values", index);
      SC.add(element, [
        SC.el(
          "p",
          { class: "crumbs" },
          SC.el("a", { href: "#/" }, "Claims"),
          " / ",
          SC.el("a", { href: SC.link("claims", `paper=${row.paper}`, "view=list", "scale=all") }, row.paper),
          neighbours(index),
        ),
        SC.el("h1", { tabindex: "-1" }, C.short(index)),
        SC.el("p", { class: "says" }, row.says || "This claim's sentence is not stored."),
        facts(row, rows),
        outcome(row),
      ]);
      C.picture(element, row);
      SC.add(element, [
        C.numbersOf(row),
        SC.el("section", { class: "history" }),
        C.behind(row),
        C.keysOf(row),
        C.specOf(row),
        C.sqlOf(row),
      ]);
      C.historyOf(element.querySelector(".history"), row);
      arrows(index);
    },
  });

  const sentence = (value) => (value ? value[0].toUpperCase() + value.slice(1) + (/[.!?]$/.test(value) ? "" : ".") : "");

  // ---- to the neighbours

  function neighbour(index, by) {
    const paper = C.at("paper", index);
    const other = index + by;
    return other >= 0 && other < C.all().n && C.at("paper", other) === paper ? other : null;
  }

  function neighbours(index) {
    const link = (by, label) => {
      const other = neighbour(index, by);
      return other === null ? null : SC.el("a", { href: C.linkTo(other), title: C.at("claim_id", other) }, label);
    };
    return SC.el("span", { class: "neighbours" }, link(-1, "← before"), " ", link(1, "after →"));
  }

  function arrows(index) {
    const onKey = (event) => {
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        event.target.closest?.("input, select, textarea, pre, .scroll, dialog")
      )
        return;
      const other = event.key === "ArrowRight" ? neighbour(index, 1) : event.key === "ArrowLeft" ? neighbour(index, -1) : null;
      if (other !== null) location.hash = C.linkTo(other);
    };
    document.addEventListener("keydown", onKey);
    SC.leave(() => document.removeEventListener("keydown", onKey));
  }

  // ---- what came out

  function facts(row, rows) {
    const paper = SC.data("page").papers[row.paper] ?? {};
    const isArxiv = /^\d{4}\.\d{4,5}(v\d+)?$/.test(paper.arxiv ?? "");
    const arxiv = isArxiv
      ? SC.el("a", { href: `https://arxiv.org/abs/${paper.arxiv}`, rel: "noreferrer" }, `arXiv ${paper.arxiv}`)
      : paper.arxiv
        ? `arXiv ${paper.arxiv}`
        : null;
    const scales = rows.map((other) =>
      other === row.index ? SC.text("b", row.scale) : SC.el("a", { href: C.linkTo(other) }, C.at("scale", other)),
    );
    const pairs = [
      ["paper", [paper.title || row.paper, arxiv ? ", " : "", arxiv]],
      ["source", row.source || "–"],
      ["bound", SC.text("code", row.bound || "–")],
      ["scale", scales.flatMap((entry, i) => (i ? [", ", entry] : [entry]))],
      [
        "expected",
        row.expected
          ? row.as_expected === false
            ? SC.text("b", `${row.expected}, so this is a surprise`)
            : row.expected
          : "–",
      ],
      ["version", `${row.version}, measured ${C.when(row.session)} UTC`],
    ];
    return SC.el(
      "dl",
      { class: "facts" },
      pairs.map(([name, value]) => SC.el("div", {}, SC.text("dt", name), SC.el("dd", {}, value))),
    );
  }

  function outcome(row) {
    const kind = C.kind(row.index);
    const gone =
      row.gone === null
        ? null
        : SC.el(
            "p",
            { class: "warning" },
            `Not measured since ${C.when(row.session)}: the session of ${C.when(row.gone)} went over its suite without it, so it was removed or renamed.`,
          );
    const settles = row.settles ? SC.el("p", {}, SC.text("b", "What would settle it: "), `${row.settles}.`) : null;
    const estimate =
      row.estimate === null
        ? null
        : SC.el(
            "span",
            { class: "estimate" },
            `${SC.number(row.estimate)} ${SC.interval(row.ci_low, row.ci_high) === "–" ? "" : SC.interval(row.ci_low, row.ci_high)}`,
          );
    return SC.el(
      "div",
      { class: `panel outcome ${kind}` },
      SC.el(
        "p",
        { class: "verdict" },
        C.badge(kind, row.reason),
        estimate,
        row.n === null ? null : SC.text("span", SC.count(row.n, "seed"), "quiet"),
      ),
      row.detail || row.reason ? SC.text("p", sentence(row.detail || row.reason)) : null,
      settles,
      gone,
    );
  }
})();
