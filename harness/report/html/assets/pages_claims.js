"use strict";
/* The first screen: what changed since a session, then papers x claims as a grid of verdicts or as a list, with filters.
 *
 * The filters stand in the address ("#/claims/scale=tiny/verdict=refuted"), so that they survive a reload and can be sent on.
 */
(() => {
  const C = SC.claims;
  const DEFAULTS = { scale: "", paper: "", verdict: "", expect: "", text: "", view: "tiles", sort: "verdict", since: "" };

  SC.page("claims", {
    title: () => "All claims",
    nav: "Claims",
    order: 10,
    keys: [
      ["← → ↑ ↓", "from claim to claim"],
      ["Enter", "open the claim"],
      ["Home, End", "first and last claim of the paper"],
    ],
    render(element, args) {
      const table = C.all();
      if (!table || !table.n) return empty(element);
      const state = { ...DEFAULTS, scale: SC.data("page").scales[0], ...fromAddress(args) };
      const runs = SC.data("runs");
      const scales = SC.data("page").scales;
      const grid = matrix(state);
      SC.add(element, [
        SC.el("h1", { tabindex: "-1" }, document.documentElement.dataset.title),
        SC.text(
          "p",
          `${SC.count(new Set(table.columns.claim_id).size, "claim")} of ${SC.count(new Set(table.columns.paper).size, "paper")}, ` +
            `judged at ${scales.join(" and ")}; ${SC.count(runs.n, "session")}, the last on ${C.when(runs.n - 1)} UTC.`,
          "quiet",
        ),
        limits(),
        SC.changes.panel(state, () => grid.fill()),
        grid.section,
      ]);
      SC.grid.comeBack(element);
    },
  });

  function empty(element) {
    SC.add(element, [
      SC.el("h1", { tabindex: "-1" }, "No verdict yet"),
      SC.text("p", "This store holds no session that judged a claim. Judge the claims first, then make the report again:"),
      SC.text("pre", "make claims\nharness report"),
      SC.text("p", "Results that lie elsewhere are named with --results DIR.", "quiet"),
    ]);
  }

  /** What was left in the store, where there is very much of it. */
  function limits() {
    const { large, history, changes_kept: kept } = SC.data("page");
    const told = [
      large
        ? `More than ${large.toLocaleString("en")} verdicts: specs and run keys stayed in the store, and of each claim's history the last ${history} sessions are here.`
        : "",
      kept ? `Of all changes the newest ${kept.toLocaleString("en")} are here; "harness query flips" has every flip.` : "",
    ].filter(Boolean);
    return told.length ? SC.text("p", told.join(" "), "quiet") : null;
  }

  // ---- the filters in the address

  function fromAddress(args) {
    const found = {};
    for (const part of args) {
      const cut = part.indexOf("=");
      if (cut > 0 && part.slice(0, cut) in DEFAULTS) found[part.slice(0, cut)] = part.slice(cut + 1);
    }
    return found;
  }

  function toAddress(state) {
    const parts = Object.entries(state).filter(
      ([key, value]) => value !== DEFAULTS[key] && !(key === "scale" && value === SC.data("page").scales[0]),
    );
    history.replaceState(null, "", parts.length ? SC.link("claims", ...parts.map(([key, value]) => `${key}=${value}`)) : "#/");
  }

  function matrix(state) {
    const legend = SC.el("div", { class: "legend", role: "group", "aria-label": "Verdicts: press to show one kind only" });
    const found = SC.el("p", { class: "quiet found", role: "status" });
    const marks = SC.el("p", { class: "quiet marks" });
    const place = SC.el("div", { class: "place" });
    const inspector = SC.el("div", { class: "inspector", "aria-hidden": "true" });
    const fill = () => {
      toAddress(state);
      SC.grid.setFlips(SC.changes.flipped(state.since));
      const { rows, counts } = filtered(state);
      legend.replaceChildren(
        ...Object.entries(C.KINDS)
          .filter(([kind]) => counts[kind] || kind !== "unjudged")
          .map(([kind, { label, glyph, means }]) =>
            SC.el(
              "button",
              {
                type: "button",
                class: "chip",
                "aria-pressed": String(state.verdict === kind),
                title: means,
                onclick: () => {
                  state.verdict = state.verdict === kind ? "" : kind;
                  fill();
                  refocus(kind);
                },
              },
              SC.el("span", { class: `tile ${kind}`, "aria-hidden": "true" }, glyph),
              ` ${label} `,
              SC.text("b", counts[kind].toLocaleString("en")),
            ),
          ),
      );
      found.textContent =
        rows.length === C.all().n
          ? `${SC.count(rows.length, "verdict")}`
          : `${SC.count(rows.length, "verdict")} of ${C.all().n.toLocaleString("en")}`;
      marks.replaceChildren(...(state.view === "list" ? [] : SC.grid.marksOf(rows)));
      place.replaceChildren(
        rows.length ? (state.view === "list" ? list(rows) : SC.grid.draw(rows, state, inspector)) : nothing(state),
      );
      inspector.hidden = true;
    };
    const refocus = (kind) => {
      const chip = [...legend.querySelectorAll("button")].find((b) => b.querySelector(`.${kind}`));
      if (chip) chip.focus();
    };
    const section = SC.el(
      "section",
      { "aria-label": "Papers and claims" },
      filters(state, fill),
      legend,
      SC.el("div", { class: "below" }, found, marks),
      place,
      inspector,
    );
    fill();
    return { section, fill };
  }

  function nothing(state) {
    const clear = () => {
      location.hash = SC.link("claims", `view=${state.view}`);
    };
    return SC.el("p", {}, "No verdict passes these filters. ", SC.button("Clear the filters", clear));
  }

  function filters(state, fill) {
    const pick = (key, label, options) => {
      const select = SC.el(
        "select",
        {
          "aria-label": label,
          onchange: () => {
            state[key] = select.value;
            fill();
          },
        },
        options.map(([value, name]) => SC.el("option", { value, selected: state[key] === value }, name)),
      );
      return SC.el("label", {}, SC.text("span", label), select);
    };
    let timer = 0;
    const field = SC.el("input", {
      type: "search",
      placeholder: "claim or words of it  ( / )",
      "data-filter": "",
      value: state.text,
      "aria-label": "Filter by text",
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          state.text = field.value;
          fill();
        }, 80);
      },
    });
    const { scales, papers } = SC.data("page");
    const buttons = (key, label, options) =>
      SC.el(
        "div",
        { class: "switch", role: "group", "aria-label": label },
        options.map(([value, name]) =>
          SC.button(
            name,
            (event) => {
              state[key] = value;
              for (const other of event.currentTarget.parentElement.children)
                other.setAttribute("aria-pressed", String(other === event.currentTarget));
              fill();
            },
            { "aria-pressed": String(state[key] === value) },
          ),
        ),
      );
    SC.leave(() => clearTimeout(timer));
    return SC.el(
      "div",
      { class: "filters", role: "search" },
      buttons("scale", "Scale", [
        ...scales.map((scale) => [scale, scale]),
        ...(scales.length > 1 ? [["all", "all scales"]] : []),
      ]),
      field,
      pick("paper", "Paper", [
        ["", "all papers"],
        ...Object.keys(papers)
          .sort()
          .map((paper) => [paper, paper]),
      ]),
      pick("expect", "Expected", [
        ["", "any"],
        ["no", "other than expected"],
        ["yes", "as expected"],
        ["gone", "no longer measured"],
      ]),
      pick("sort", "Order", [
        ["verdict", "by verdict"],
        ["name", "by name"],
      ]),
      buttons("view", "View", [
        ["tiles", "Tiles"],
        ["list", "List"],
      ]),
    );
  }

  let haystack = null;
  /** Rows that pass, in order, and how many of each kind pass all filters but the one on the verdict. */
  function filtered(state) {
    const { columns, strings, n } = C.all();
    const [scale, paper] = [
      state.scale === "all" ? null : (strings.scale ?? []).indexOf(state.scale),
      state.paper ? strings.paper.indexOf(state.paper) : null,
    ];
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length)
      haystack ??= Array.from({ length: n }, (_, i) =>
        `${C.at("claim_id", i)} ${C.at("says", i)} ${C.at("reason", i)}`.toLowerCase(),
      );
    const counts = Object.fromEntries(Object.keys(C.KINDS).map((kind) => [kind, 0]));
    const rows = [];
    for (let i = 0; i < n; i += 1) {
      if (scale !== null && columns.scale[i] !== scale) continue;
      if (paper !== null && columns.paper[i] !== paper) continue;
      if (state.expect === "no" && columns.as_expected[i] !== false) continue;
      if (state.expect === "yes" && columns.as_expected[i] !== true) continue;
      if (state.expect === "gone" && columns.gone[i] === null) continue;
      if (words.length && !words.every((word) => haystack[i].includes(word))) continue;
      counts[C.kind(i)] += 1;
      if (!state.verdict || C.kind(i) === state.verdict) rows.push(i);
    }
    return { rows, counts };
  }
  // ---- the list

  function list(rows) {
    const columns = [
      {
        key: "claim",
        label: "claim",
        href: (row) => C.linkTo(row.index),
        show: (value, row) => (row.gone ? `${value} (not measured since ${row.measured})` : value),
      },
      { key: "says", label: "says", wide: true },
      { key: "scale", label: "scale" },
      { key: "verdict", label: "verdict", show: (_, row) => C.badge(C.kind(row.index), row.reason) },
      { key: "estimate", label: "estimate", type: "number" },
      { key: "ci_low", label: "interval", type: "number", show: (_, row) => SC.interval(row.ci_low, row.ci_high) },
      { key: "bound", label: "bound" },
      { key: "null_estimate", label: "null", type: "number" },
      { key: "n", label: "n", type: "number" },
      {
        key: "expected",
        label: "expected",
        show: (value, row) => (row.as_expected === false ? SC.text("b", `${value} !`) : (value ?? "–")),
      },
      { key: "measured", label: "measured", whole: true },
    ];
    const table = C.all();
    const found = rows.map((index) => ({
      ...SC.row(table, index),
      index,
      claim: C.at("claim_id", index),
      gone: C.at("gone", index) !== null,
      measured: C.when(C.at("session", index)),
    }));
    const made = SC.table(columns, found, { caption: "Claims", csvName: "claims" });
    made.classList.add("stacked");
    return made;
  }
})();
