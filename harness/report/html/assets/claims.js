"use strict";
/* The tables of claims and sessions, as the pages read them: what a verdict is called and looks like, how rows are found.
 *
 * A verdict that the null explains is inconclusive by the statistics and shown as a kind of its own: it is what the reader looks for.
 */
SC.claims = (() => {
  const KINDS = {
    supported: {
      label: "supported",
      glyph: "✓",
      means: "the interval lies wholly inside the bound, the null does not, the plant was found",
    },
    refuted: { label: "refuted", glyph: "✕", means: "the interval lies wholly outside the bound" },
    noise: {
      label: "null explains it",
      glyph: "≈",
      means: "inconclusive: an update without the learning signal satisfies the bound too",
    },
    inconclusive: {
      label: "inconclusive",
      glyph: "?",
      means: "the interval straddles the bound, a control failed, or it was seen once",
    },
    unjudged: { label: "not judged", glyph: "–", means: "selected, but skipped or broken: the reason is on its page" },
  };
  const ORDER = { refuted: 0, noise: 1, inconclusive: 2, unjudged: 3, supported: 4 }; // what needs a reader comes first
  const NAMES = {
    flip: "verdict flipped",
    reason: "reason changed",
    spec: "spec changed",
    new: "new",
    gone: "no longer measured",
  };
  const NAMES_OF_MANY = { ...NAMES, flip: "verdicts flipped", reason: "reasons changed", spec: "specs changed" };

  const all = () => SC.data("claims");
  const at = (name, index) => SC.cell(all(), name, index);
  const short = (index) => at("claim_id", index).slice(at("paper", index).length + 1) || at("claim_id", index);

  /** The kind of a verdict, from its word and its reason. */
  function kindOf(verdict, reason) {
    if (verdict === "inconclusive" && reason === "null explains it") return "noise";
    return verdict in KINDS ? verdict : "unjudged";
  }

  let kinds = null;
  /** The kind of every row, worked out once. */
  function kindsOfAll() {
    if (!kinds) {
      const { columns, strings, n } = all();
      const [words, reasons] = [strings.verdict ?? [], strings.reason ?? []];
      kinds = Array.from({ length: n }, (_, i) => kindOf(words[columns.verdict[i]], reasons[columns.reason[i]]));
    }
    return kinds;
  }

  const kind = (index) => kindsOfAll()[index];

  /** A verdict as a word with its sign. */
  function badge(name, reason = "") {
    const { label, glyph } = KINDS[name];
    return SC.el(
      "span",
      { class: `badge ${name}` },
      SC.el("span", { "aria-hidden": "true", class: "glyph" }, glyph),
      ` ${label}`,
      reason && name !== "noise" ? SC.text("span", ` (${reason})`, "because") : null,
    );
  }

  let byId = null;
  /** Rows of one claim, one a scale. */
  function rowsOf(id) {
    if (!byId) {
      byId = new Map();
      const { columns, strings, n } = all();
      for (let i = 0; i < n; i += 1) {
        const found = strings.claim_id[columns.claim_id[i]];
        if (byId.has(found)) byId.get(found).push(i);
        else byId.set(found, [i]);
      }
    }
    return byId.get(id) ?? [];
  }

  /** Where rows of one claim lie in a table that is sorted by `claim`: [first, after last]. */
  function range(table, claim) {
    const column = table.columns.claim ?? [];
    const edge = (target) => {
      let [low, high] = [0, column.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (column[middle] < target) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return [edge(claim), edge(claim + 1)];
  }

  function rowsAbout(name, claim) {
    const table = SC.data(name);
    if (!table) return [];
    const [from, to] = range(table, claim);
    return Array.from({ length: to - from }, (_, i) => SC.row(table, from + i));
  }

  const run = (session, name) => (session === null || session === undefined ? null : SC.cell(SC.data("runs"), name, session));
  const when = (session) => (run(session, "started") ?? "an unknown time").slice(0, 16);
  const linkTo = (index) => SC.link("claim", at("claim_id", index), at("scale", index));

  /** "2026-11-22 15:36" as a link to that session's page. */
  const sessionLink = (session) =>
    session === null ? "–" : SC.el("a", { href: SC.link("runs", run(session, "run_id")) }, when(session));

  /** One line of what a row's number is: estimate, interval, bound. */
  function numbers(index) {
    const interval = SC.interval(at("ci_low", index), at("ci_high", index));
    return [
      at("estimate", index) === null ? "" : SC.number(at("estimate", index)),
      interval === "–" ? "" : interval,
      at("bound", index),
    ]
      .filter(Boolean)
      .join("  ");
  }

  return {
    KINDS,
    ORDER,
    NAMES,
    NAMES_OF_MANY,
    all,
    at,
    short,
    kind,
    kindOf,
    badge,
    rowsOf,
    rowsAbout,
    run,
    when,
    linkTo,
    sessionLink,
    numbers,
  };
})();
