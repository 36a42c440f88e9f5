"use strict";
/* Controls of a profile: the grid of layers and modules, the choice of a matrix by name, the slider with its play button. */
(() => {
  const PLAY_MS = 700;

  const SHADES = {
    drift: "drift / noise", angle: "angle / noise", norm: "update norm", block: "leading block / chance", princ_noise: "M_princ / noise",
    changed: "share changed in bf16",
  };
  const WIDE = 10; // layers up to which a cell has room for its number

  /** Layers by modules: arrows, Home and End move, Enter chooses. Each cell's shade and number are of the step shown. */
  function grid(matrices, choose) {
    const layers = [...new Set(matrices.map(({ layer }) => layer))].sort((a, b) => (a ?? -1) - (b ?? -1));
    const modules = [...new Set(matrices.map(({ module }) => module))];
    const found = new Map();
    for (const { layer, module, name } of [...matrices].reverse()) found.set(`${layer}\n${module}`, name); // of experts the first
    const shade = SC.el("select", { id: "profile-shade", onchange: () => paint() },
      Object.entries(SHADES).map(([key, label]) => SC.el("option", { value: key }, label)));
    let [numbers, current] = [() => null, null];
    const cells = modules.map((module) => layers.map((layer) => {
      const name = found.get(`${layer}\n${module}`);
      const button = () => SC.button("", () => choose(name), { class: "cell", tabindex: "-1", dataset: { matrix: name } });
      return SC.el("td", { role: "gridcell" }, name ? button() : null);
    }));
    const label = (layer) => (layer === null || layer < 0 ? "–" : String(layer));
    const table = SC.el("table", { role: "grid", "aria-label": "matrices by layer and module", class: "matrix-grid", onkeydown: move },
      SC.el("thead", {}, SC.el("tr", { role: "row" }, SC.el("th", { scope: "col" }, "layer"),
        layers.map((layer) => SC.el("th", { scope: "col", class: "number" }, label(layer))))),
      SC.el("tbody", {}, modules.map((module, r) => SC.el("tr", { role: "row" }, SC.el("th", { scope: "row" }, module), cells[r]))));
    const buttons = () => [...table.querySelectorAll("button")];
    function move(event) {
      const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -Infinity], End: [0, Infinity] };
      const step = steps[event.key];
      if (!step || !event.target.matches("button.cell")) return;
      event.preventDefault();
      const r = cells.findIndex((line) => line.some((cell) => cell.contains(event.target)));
      const c = cells[r].findIndex((cell) => cell.contains(event.target));
      const [down, right] = step;
      const line = Number.isFinite(right)
        ? Array.from({ length: Math.max(modules.length, layers.length) }, (_, i) => (cells[r + down * (i + 1)] ?? [])[c + right * (i + 1)])
        : right < 0 ? cells[r] : [...cells[r]].reverse();
      const next = line.map((cell) => cell?.firstChild).find(Boolean); // a module that a layer lacks is passed over
      if (next) focusable(next).focus();
    }
    function focusable(button) {
      for (const each of buttons()) each.tabIndex = each === button ? 0 : -1;
      return button;
    }
    function paint() {
      const key = shade.value;
      const values = new Map(buttons().map((button) => [button, (numbers(button.dataset.matrix) ?? {})[key] ?? null]));
      const there = [...values.values()].filter((value) => value !== null);
      const [low, high] = [Math.min(...there), Math.max(...there)];
      for (const [button, value] of values) {
        const share = value === null ? null : high > low ? (value - low) / (high - low) : 0.5;
        button.style.setProperty("--share", share === null ? "0%" : `${Math.round(100 * share)}%`);
        button.classList.toggle("deep", share !== null && share > 0.75);
        button.textContent = layers.length <= WIDE ? SC.number(value, 2) : value === null ? "–" : "";
        button.setAttribute("aria-label", `${button.dataset.matrix}, ${SHADES[key]} ${SC.number(value, 3)}`);
        button.title = `${button.dataset.matrix}: ${SHADES[key]} ${SC.number(value, 3)}`;
        const isCurrent = button.dataset.matrix === current;
        button.parentElement.setAttribute("aria-selected", String(isCurrent));
        if (isCurrent) focusable(button);
      }
      if (!buttons().some((button) => button.tabIndex === 0) && buttons().length) buttons()[0].tabIndex = 0;
    }
    const made = SC.el("div", {},
      SC.el("p", { class: "shade" }, SC.el("label", { for: "profile-shade" }, "Shade by "), shade),
      SC.el("div", { class: "scroll" }, table));
    return { element: made, show: (name, read) => { [current, numbers] = [name, read]; paint(); } };
  }

  /** A slider over places 0 .. count - 1 with its value in words, and a button that walks through them. */
  function slider(count, words, change, settle) {
    const value = SC.el("output", { for: "profile-step", class: "step-words" });
    const input = SC.el("input", { type: "range", id: "profile-step", min: 0, max: count - 1, step: 1, "aria-label": "training step",
      oninput: () => { stop(); tell(); change(Number(input.value)); }, onchange: () => settle() });
    let timer = null;
    const play = SC.button("Play", () => (timer === null ? start() : stop()), { class: "play" });
    function tell() {
      value.textContent = words(Number(input.value));
      input.setAttribute("aria-valuetext", words(Number(input.value)));
    }
    function start() {
      if (Number(input.value) >= count - 1) set(0);
      play.textContent = "Pause";
      timer = setTimeout(next, PLAY_MS);
    }
    async function next() {
      const place = Number(input.value) + 1;
      if (place > count - 1) return stop();
      await set(place);
      if (timer !== null) timer = setTimeout(next, PLAY_MS);
    }
    function set(place) {
      input.value = place;
      tell();
      return change(place);
    }
    function stop() {
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      play.textContent = "Play";
      settle();
    }
    SC.leave(() => clearTimeout(timer));
    const show = (place) => { input.value = place; tell(); };
    return { elements: [SC.el("label", { for: "profile-step" }, "Step"), input, play, value], show };
  }

  /** The choice of a matrix by name. */
  function picker(matrices, choose) {
    const select = SC.el("select", { id: "profile-matrix", "aria-label": "Matrix", onchange: () => choose(select.value) },
      matrices.map(({ name }) => SC.el("option", { value: name }, name)));
    return { elements: [SC.el("label", { for: "profile-matrix" }, "Matrix"), select], show: (name) => { select.value = name; } };
  }

  /** A bar of controls that stays below the page's sticky head. */
  function bar(...controls) {
    const made = SC.el("div", { class: "filters profile-bar", role: "group", "aria-label": "matrix and step" }, controls.flat());
    const head = document.querySelector("header.top");
    const place = () => made.style.setProperty("--head", `${head ? head.offsetHeight : 0}px`);
    const sized = new ResizeObserver(place);
    if (head) sized.observe(head);
    SC.leave(() => sized.disconnect());
    place();
    return made;
  }

  Object.assign(SC.profiles, { grid, slider, picker, bar });
})();
