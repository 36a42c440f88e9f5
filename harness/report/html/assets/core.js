"use strict";
/* What every page of the report shares: elements, numbers, data blocks, links, tables, routing, theme and keys.
 *
 * One object, SC; pages add themselves with SC.page and draw into the element that they are given. Text from the store is
 * always put in as text, never as markup. Routes are "#/name/arg/arg", each argument encoded, so that Back works.
 */
const SC = (() => {
  const pages = new Map();
  const parsed = new Map();
  const leaving = []; // called when a page is left: what a chart has to give back
  const listeners = [];
  let home = "claims";
  let moves = 0; // navigations inside this file, so that Escape never leaves it

  // ---- elements and text

  /** An element with attributes, listeners ("onclick": f), dataset and children (text or elements; null is left out). */
  function el(tag, given = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(given)) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (key === "class") made.className = value;
      else if (key === "dataset") Object.assign(made.dataset, value);
      else if (key === "style") Object.assign(made.style, value);
      else made.setAttribute(key, value === true ? "" : value);
    }
    add(made, children);
    return made;
  }

  function add(parent, children) {
    for (const child of children.flat()) if (child !== null && child !== undefined) parent.append(child);
    return parent;
  }

  const text = (tag, value, className) => el(tag, className ? { class: className } : {}, String(value ?? ""));
  const button = (label, onclick, given = {}) => el("button", { type: "button", onclick, ...given }, label);

  /** A number for reading, four significant digits; a dash where there is none, never 0. */
  function number(value, digits = 4) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-3 || size >= 1e6)
      ? value.toExponential(digits - 2)
      : String(Number(value.toPrecision(digits)));
  }

  const interval = (low, high) => (low === null && high === null ? "–" : `[${number(low)}, ${number(high)}]`);
  const seconds = (s) =>
    s === null || s === undefined
      ? "–"
      : s < 90
        ? `${number(s, 3)} s`
        : s < 5400
          ? `${(s / 60).toFixed(1)} min`
          : `${(s / 3600).toFixed(1)} h`;
  const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

  // ---- data

  /** The JSON block data-<name>, parsed once; null if the page was made without it, or is not read that far yet. */
  function data(name) {
    if (!parsed.has(name)) {
      const block = document.getElementById(`data-${name}`);
      if (!block || (document.readyState === "loading" && !block.nextElementSibling)) return null; // may still be growing
      parsed.set(name, JSON.parse(block.textContent));
    }
    return parsed.get(name);
  }

  /** One row, as an object, of a table in columns: {n, columns: {name: [...]}, strings: {name: [dictionary]}}. */
  function row(table, index) {
    const made = {};
    for (const name in table.columns) made[name] = cell(table, name, index);
    return made;
  }

  /** One value of such a table; a column in `strings` holds codes into its dictionary, null for none. */
  function cell(table, name, index) {
    const column = table.columns[name];
    if (column === undefined) return null;
    const value = column[index];
    const words = table.strings[name];
    return words && value !== null ? words[value] : value;
  }

  const rows = (table) => Array.from({ length: table ? table.n : 0 }, (_, index) => row(table, index));

  // ---- pages

  /** Register a page: {title(args), render(element, args), nav: label in the menu, order, keys: [[key, meaning]]}. */
  function page(name, given) {
    pages.set(name, given);
  }

  const link = (name, ...args) => `#/${[name, ...args].map((part) => encodeURIComponent(part)).join("/")}`;

  function route() {
    const parts = location.hash
      .replace(/^#\/?/, "")
      .split("/")
      .filter((part) => part !== "")
      .map(decode);
    return { name: parts[0] ?? home, args: parts.slice(1) };
  }

  function decode(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  function show(isFirst = false) {
    while (leaving.length) leaving.pop()();
    const { name, args } = route();
    const main = document.getElementById("main");
    const found = pages.get(name);
    const title = found ? found.title(args) : "No such page";
    const base = document.documentElement.dataset.title;
    document.title = name === home ? base : `${title} · ${base}`;
    for (const item of document.querySelectorAll("nav a")) {
      if (item.dataset.page === name) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
    main.replaceChildren();
    if (found) found.render(main, args);
    else missing(main, `There is no page "${name}" in this report.`);
    if (isFirst) return;
    if (!main.contains(document.activeElement)) {
      window.scrollTo(0, 0);
      (main.querySelector("h1") ?? main).focus({ preventScroll: true }); // a screen reader starts at the new page's heading
    }
  }

  /** Say in the page that what a link asked for is not there. */
  function missing(element, sentence) {
    add(element, [
      el("h1", { tabindex: "-1" }, "Not in this report"),
      text("p", sentence),
      el("p", {}, el("a", { href: link(home) }, "All claims")),
    ]);
  }

  const leave = (callback) => leaving.push(callback);

  // ---- theme

  const theme = () =>
    document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const onTheme = (callback) => listeners.push(callback);

  function setTheme(value) {
    document.documentElement.dataset.theme = value;
    try {
      localStorage.setItem("sc-theme", value);
    } catch {
      /* a browser may forbid it to a file; then the choice lasts as long as the page */
    }
    themed();
  }

  function themed() {
    const toggle = document.getElementById("theme");
    if (toggle) toggle.setAttribute("aria-pressed", String(theme() === "dark"));
    for (const callback of listeners) callback(theme());
  }

  // ---- keys

  const typing = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

  function keys(event) {
    const help = document.getElementById("help");
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || help.open) return;
    if (event.key === "?" && !typing(event.target)) openHelp(help);
    else if (event.key === "Escape") {
      if (typing(event.target)) event.target.blur();
      else if (route().name !== home) back();
    } else if (event.key === "/" && !typing(event.target)) {
      const field = document.querySelector("#main [data-filter]");
      if (field) field.focus();
      else location.hash = link(home);
    } else return;
    event.preventDefault();
  }

  function back() {
    if (moves > 0) history.back();
    else location.hash = link(home);
  }

  function openHelp(help) {
    const own = (pages.get(route().name) || {}).keys || [];
    const all = [...own, ["/", "to the filter"], ["Escape", "back"], ["?", "this list"]];
    help
      .querySelector("dl")
      .replaceChildren(...all.flatMap(([key, meaning]) => [el("dt", {}, text("kbd", key)), text("dd", meaning)]));
    help.showModal();
  }

  // ---- start

  function start() {
    try {
      const kept = localStorage.getItem("sc-theme");
      if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
    } catch {
      /* see setTheme */
    }
    document.getElementById("theme").addEventListener("click", () => setTheme(theme() === "dark" ? "light" : "dark"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
    document.getElementById("help-open").addEventListener("click", () => openHelp(document.getElementById("help")));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // its address would be taken for a page's
      document.getElementById("main").focus();
    });
    document.addEventListener("keydown", keys);
    window.addEventListener("hashchange", () => {
      moves += 1;
      whenRead(show);
    });
    menu();
    themed();
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", menu);
    if (route().name === home) first();
    else whenRead(first);
  }

  function first() {
    show(true);
    performance.mark("first-screen");
  }

  /** Only the first screen's data come before the scripts; other pages wait for the rest of the file. */
  function whenRead(action) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => action(), { once: true });
    else action();
  }

  function menu() {
    const listed = [...pages]
      .filter(([, given]) => given.nav && (!given.when || given.when()))
      .sort((a, b) => (a[1].order ?? 50) - (b[1].order ?? 50));
    const current = route().name;
    document
      .querySelector("nav ul")
      .replaceChildren(
        ...listed.map(([name, given]) =>
          el(
            "li",
            {},
            el("a", { href: link(name), dataset: { page: name }, "aria-current": name === current ? "page" : null }, given.nav),
          ),
        ),
      );
  }

  return {
    el,
    add,
    text,
    button,
    number,
    interval,
    seconds,
    count,
    data,
    row,
    cell,
    rows,
    page,
    link,
    route,
    missing,
    leave,
    theme,
    onTheme,
    back,
    start,
  };
})();
