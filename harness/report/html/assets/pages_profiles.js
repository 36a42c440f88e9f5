"use strict";
/* The page "profiles": the runs with curves in this report, their main numbers, and which of them to put side by side. */
(() => {
  const P = SC.profiles;
  const MEDIANS = [
    ["norm", "update norm"], ["drift", "drift / noise"], ["angle", "angle / noise"], ["block", "leading block / chance"],
    ["princ_noise", "M_princ / noise"], ["low_noise", "M_low / noise"], ["changed", "changed in bf16"],
  ];

  SC.page("profiles", {
    nav: "Profiles",
    order: 30,
    when: () => P.list().length > 0,
    title: () => "Profiles of runs",
    render(element) {
      const rows = P.list();
      element.append(P.heading("Profiles of runs"));
      if (!rows.length) {
        element.append(SC.el("p", {}, "No run of this store has a profile. ", SC.text("code", "harness profile"),
          " measures one: its spectra, angles and changed entries, checkpoint by checkpoint."));
        return;
      }
      const { go, tell, pick } = chooser(rows);
      const numeric = (key, label) => ({ key, label, type: "number", show: (value) => SC.number(value, 3) });
      const text = (key, label = key) => ({ key, label, type: "text" });
      const columns = [
        { ...text("pick", "compare"), show: pick },
        { ...text("subject", "run"), wide: true, href: (row) => (row.curves ? SC.link("profile", row.subject) : null) },
        text("arm"), text("scale"), numeric("seed", "seed"),
        numeric("checkpoints", "checkpoints"), numeric("last_step", "last step"), numeric("matrices", "matrices"),
        ...MEDIANS.map(([key, label]) => numeric(key, label)),
      ];
      element.append(
        SC.text("p", "Numbers are medians over matrices at the last step. Where a column is over noise, 1 is what an update of the "
          + "same norm without a signal gives (0.7 for drift); over chance, 1 is no preference."),
        SC.el("p", { class: "filters" }, go, " ", tell),
        SC.el("div", { class: "profile-list" }, SC.table(columns, rows, { caption: SC.count(rows.length, "run"), csvName: "profiles" })));
      const without = (SC.data("profiles") ?? {}).left_out;
      if (without) {
        element.append(SC.text("p", `${SC.count(without, "run")} profiled longer ago: listed without curves, to keep this file small. `
          + "What is profiled again has its curves here.", "quiet"));
      }
    },
  });

  /** The button "Compare", what it says, and a cell's box to choose a run with; sorting the table keeps what is chosen. */
  function chooser(rows) {
    const chosen = new Set();
    const names = () => rows.map(({ subject }) => subject).filter((name) => chosen.has(name));
    const go = SC.button("Compare", () => { location.hash = SC.link("compare", ...names()); }, { disabled: true });
    const tell = SC.el("span", { class: "quiet", role: "status" }, "Choose two or more runs to see them side by side.");
    const toggle = (name, isChosen) => {
      if (isChosen) chosen.add(name);
      else chosen.delete(name);
      go.disabled = chosen.size < 2;
      tell.textContent = `${SC.count(chosen.size, "run")} chosen.`;
    };
    const pick = (_, { subject, curves }) => (!curves ? "–" : SC.el("input", {
      type: "checkbox", "aria-label": `compare ${subject}`, checked: chosen.has(subject),
      onchange: (event) => toggle(subject, event.target.checked),
    }));
    return { go, tell, pick };
  }
})();
