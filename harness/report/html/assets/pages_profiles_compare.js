"use strict";
/* The page "compare": two or more runs, or checkpoints ("SUBJECT @ STEP"), side by side: one matrix, one fraction of training. */
(() => {
  const P = SC.profiles;

  SC.page("compare", {
    title: (args) => `Compare ${args.length} runs`,
    keys: [["← →", "another step, on the slider"]],
    render(element, args) {
      const columns = args.map((text) => P.chosen(text));
      const unknown = args.filter((_, i) => columns[i] === null);
      if (unknown.length) return SC.missing(element, `There are no curves of ${unknown.join(", ")} in this report.`);
      if (args.length < 2) return SC.missing(element, "A comparison needs two runs or more; choose them on the page Profiles.");

      const matrices = [...new Map(columns.flatMap(({ subject }) => subject.matrices).map((each) => [each.name, each])).values()];
      const moving = columns.filter(({ fixed }) => fixed === null).map(({ subject }) => subject);
      const fractions = moving.flatMap(({ steps, last }) => steps.map((step) => step / last));
      const places = [...new Set(fractions)].sort((a, b) => a - b);
      const state = { matrix: matrices[0]?.name ?? "", place: Math.max(0, places.length - 1) };
      const stepOf = ({ subject, fixed }, place) => fixed ?? P.nearest(subject, places[place]);
      const cursors = () => columns.map((column) => ({ subject: column.subject, step: stepOf(column, state.place), matrix: state.matrix }));
      const words = (place) =>
        `${SC.number(100 * places[place], 3)} % of training: ${columns.map((column) => `step ${stepOf(column, place)}`).join(", ")}`;

      const picker = P.picker(matrices, (chosen) => { state.matrix = chosen; refresh(); });
      const move = (place) => { state.place = place; return refresh(); };
      const slider = places.length > 1 ? P.slider(places.length, words, move, () => {}) : null;
      const still = SC.text("span", moving.length ? "One checkpoint each: no slider." : "Single checkpoints: no slider.", "quiet");
      const where = SC.el("h2", { class: "where" });
      const table = SC.el("section", { class: "profile-numbers", "aria-label": "main numbers" });
      element.append(
        P.heading(columns.map(({ label }) => label).join(" beside ")),
        SC.el("p", { class: "quiet" }, "The same matrix at the same fraction of training, on shared scales. ",
          SC.el("a", { href: SC.link("profiles") }, "Choose others")),
        P.bar(picker.elements, slider ? slider.elements : still), where,
        SC.el("p", { class: "filters" }, SC.button("To the numbers", () => table.scrollIntoView())));
      const draw = P.board(P.all().map((kind) => {
        const line = SC.el("div", { class: "profile-pair" });
        line.style.setProperty("--columns", columns.length);
        element.append(SC.el("section", { "aria-label": kind.title }, line));
        return { kind, slots: columns.map(({ label }) => P.slot(line, kind, label)) };
      }), cursors);
      element.append(table);

      const refresh = P.coalesced((isStale) => {
        where.textContent = `${state.matrix}: ${cursors().map(({ subject, step }) => `${subject.name} at step ${step}`).join(", ")}`;
        picker.show(state.matrix);
        if (slider) slider.show(state.place);
        table.replaceChildren(...numbers(columns, cursors(), matrices));
        return draw(isStale);
      });
      refresh();
    },
  });

  /** Two tables with differences to the first column: of the matrix shown, and medians over the matrices that all have. */
  function numbers(columns, cursors, matrices) {
    const read = ({ subject, step }, key, name) => (subject.numbers(step, name) ?? {})[key] ?? null;
    const heads = [{ key: "number", label: "number", type: "text" }, ...columns.flatMap(({ label }, i) => {
      const less = { key: `difference_${i + 1}`, label: columns.length === 2 ? "difference" : `${label} less the first`, type: "number" };
      return [{ key: `value_${i + 1}`, label, type: "number" }, ...(i ? [less] : [])];
    })];
    const row = (label, values) => Object.fromEntries([["number", label], ...values.flatMap((value, i) => {
      const less = value === null || values[0] === null ? null : value - values[0];
      return [[`value_${i + 1}`, value], ...(i ? [[`difference_${i + 1}`, less]] : [])];
    })]);
    const make = (caption, pick) => SC.table(heads, P.NUMBERS.map(([key, label]) => row(label, cursors.map((cursor) => pick(cursor, key)))),
      { caption, csvName: `compare ${caption}`, sortable: false });
    const { matrix } = cursors[0];
    const shared = matrices.map(({ name }) => name).filter((name) => columns.every(({ subject }) => subject.matrices.some((each) => each.name === name)));
    const median = shared.length
      ? make(`Median over the ${SC.count(shared.length, "matrix", "matrices")} that all have`,
        (cursor, key) => P.median(shared.map((name) => read(cursor, key, name))))
      : SC.text("p", "No matrix is in all of these runs: there is nothing to take a median over.", "quiet");
    return [make(matrix, (cursor, key) => read(cursor, key, matrix)), median];
  }
})();
