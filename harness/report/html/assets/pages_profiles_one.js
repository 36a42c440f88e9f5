"use strict";
/* The page "profile": one run, one matrix, one step, with a slider over the steps. Its address keeps the matrix and the step. */
(() => {
  const P = SC.profiles;

  SC.page("profile", {
    title: ([name]) => name ?? "Profile",
    keys: [["← →", "another step, on the slider; another layer, in the grid"], ["↑ ↓", "another module, in the grid"], ["Enter", "choose the matrix"]],
    render(element, [name, matrix, step]) {
      const subject = P.subject(name);
      if (!subject) return SC.missing(element, `There are no curves of a run "${name}" in this report.`);
      const { steps, matrices, last } = subject;
      const state = {
        matrix: matrices.some((each) => each.name === matrix) ? matrix : matrices[0]?.name ?? "",
        step: steps.includes(Number(step)) ? Number(step) : last,
      };
      const words = (place) => `step ${steps[place]} of ${last}, checkpoint ${place + 1} of ${steps.length}`;
      const where = SC.el("h2", { class: "where" });
      const against = SC.el("a", {});
      const table = SC.el("details", { class: "data", ontoggle: () => numbers() }, SC.el("summary", {}, "Main numbers of every matrix at this step"));
      const grid = P.grid(matrices, choose);
      const picker = P.picker(matrices, choose);
      const slider = P.slider(steps.length, words, (place) => { state.step = steps[place]; return refresh(); }, keep);
      const still = SC.text("span", `This run has one checkpoint, step ${last}: no slider.`, "quiet");
      const [charts, byLayer] = [SC.el("div", { class: "profile-charts" }), SC.el("div", { class: "profile-charts" })];
      element.append(
        P.heading(name),
        SC.el("p", { class: "quiet" }, `${described(subject)}. `, SC.el("a", { href: SC.link("profiles") }, "All runs")),
        SC.el("section", { class: "panel profile-pick" }, SC.el("h2", {}, "Which matrix"), grid.element),
        P.bar(picker.elements, steps.length > 1 ? slider.elements : still),
        where, SC.el("p", { class: "filters" }, against), charts,
        SC.el("h2", {}, "All matrices, by layer"), byLayer, table);
      const slots = P.all().map((kind) => ({ kind, slots: [P.slot(kind.isOfAll ? byLayer : charts, kind)] }));
      const draw = P.board(slots, () => [{ subject, ...state }]);

      function choose(chosen) {
        state.matrix = chosen;
        keep();
        refresh();
      }
      function keep() {
        history.replaceState(null, "", SC.link("profile", name, state.matrix, state.step)); // no navigation: Back leaves the page
      }
      function numbers() {
        while (table.children.length > 1) table.lastChild.remove();
        if (!table.open) return;
        const rows = matrices.map((each) => ({ matrix: each.name, ...subject.numbers(state.step, each.name) }));
        const columns = [{ key: "matrix", label: "matrix", type: "text" }, ...P.NUMBERS.map(([key, label]) => ({ key, label, type: "number" }))];
        table.append(SC.table(columns, rows, { caption: `Main numbers at step ${state.step}`, csvName: `${name} step ${state.step}` }));
      }
      const refresh = P.coalesced((isStale) => {
        where.textContent = `${state.matrix} at step ${state.step}`;
        const other = state.step === last ? steps[0] : last;
        against.hidden = steps.length < 2;
        against.href = SC.link("compare", `${name} @ ${state.step}`, `${name} @ ${other}`);
        against.textContent = `Compare step ${state.step} with step ${other}`;
        picker.show(state.matrix);
        slider.show(steps.indexOf(state.step));
        grid.show(state.matrix, (each) => subject.numbers(state.step, each));
        numbers();
        return draw(isStale);
      });
      refresh();
    },
  });

  /** "arm sft, scale tiny, seed 0, 14 matrices, 8 checkpoints": what is known of a run. */
  function described({ about, matrices, steps }) {
    const known = [["arm", about.arm], ["scale", about.scale], ["seed", about.seed]].filter(([, value]) => value !== null && value !== "");
    const counts = [SC.count(matrices.length, "matrix", "matrices"), SC.count(steps.length, "checkpoint")];
    return [...known.map(([label, value]) => `${label} ${value}`), ...counts].join(", ");
  }
})();
