"use strict";
/* Tables that sort, and files that are made here: CSV of a table's rows, whatever a chart saves. Nothing is sent anywhere. */
(() => {
  const { el, button, number } = SC;

  /** Hand a file to the reader: text or a Blob. Nothing is sent anywhere. */
  function download(name, content, mime = "text/plain") {
    const blob = content instanceof Blob ? content : new Blob([content], { type: `${mime};charset=utf-8` });
    const url = URL.createObjectURL(blob);
    const anchor = el("a", { href: url, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  const fileName = (words, ending) =>
    `${
      String(words)
        .replace(/[^A-Za-z0-9]+/g, "-")
        .replace(/^-+|-+$/g, "")
        .toLowerCase() || "table"
    }.${ending}`;

  /** CSV of keys and rows; a text that a spreadsheet would run as a formula gets a quote before it. */
  function csv(keys, list) {
    const quoted = (value) => {
      if (value === null || value === undefined) return "";
      if (typeof value === "number" || typeof value === "boolean") return String(value);
      const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
      return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
    };
    return (
      [keys, ...list.map((entry) => keys.map((key) => entry[key]))].map((line) => line.map(quoted).join(",")).join("\n") + "\n"
    );
  }

  /** A table with a caption, sorting by its heads, a CSV button, and no more rows at first than can be drawn at once.
   *
   * columns: [{key, label, type: "number" | "text", show(value, row) -> text or element, href(row), wide, whole (one line)}]; rows: objects.
   */
  function table(columns, list, { caption = "", csvName = caption, sortable = true, limit = 200, empty = "no rows" } = {}) {
    if (!list.length) return el("p", { class: "quiet" }, caption ? `${caption}: ${empty}.` : `${empty}.`);
    let order = list;
    let shown = limit;
    let sorted = { key: null, up: true };
    const body = el("tbody");
    const more = button(
      "",
      () => {
        shown = list.length;
        fill();
      },
      { class: "more" },
    );
    const heads = columns.map((column) => {
      const label = sortable ? button(column.label, () => sort(column), { class: "head" }) : column.label;
      return el("th", { scope: "col", class: column.type === "number" ? "number" : null, dataset: { key: column.key } }, label);
    });
    const save = button(
      "CSV",
      () =>
        download(
          fileName(csvName, "csv"),
          csv(
            columns.map((c) => c.key),
            order,
          ),
          "text/csv",
        ),
      {
        class: "tool",
        "aria-label": `${caption || "table"} as CSV`,
        title: "Save this table as CSV",
      },
    );
    function sort(column) {
      sorted = { key: column.key, up: sorted.key === column.key ? !sorted.up : true };
      const sign = sorted.up ? 1 : -1;
      const rank = (value) => (value === null || value === undefined ? 1 : 0); // missing values last, either way
      order = [...list].sort((a, b) => {
        const [x, y] = [a[column.key], b[column.key]];
        return (
          rank(x) - rank(y) ||
          sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x ?? "").localeCompare(String(y ?? "")))
        );
      });
      for (const head of heads)
        head.setAttribute("aria-sort", head.dataset.key === sorted.key ? (sorted.up ? "ascending" : "descending") : "none");
      fill();
    }
    function fill() {
      body.replaceChildren(
        ...order.slice(0, shown).map((entry) =>
          el(
            "tr",
            {},
            columns.map((column) => td(column, entry)),
          ),
        ),
      );
      more.hidden = list.length <= shown;
      more.textContent = `show all ${list.length.toLocaleString("en")} rows`;
    }
    function td(column, entry) {
      const value = entry[column.key];
      const content = column.show ? column.show(value, entry) : column.type === "number" ? number(value) : (value ?? "–");
      const href = column.href && column.href(entry);
      const classes = [column.type === "number" ? "number" : "", column.wide ? "wide" : "", column.whole ? "whole" : ""]
        .join(" ")
        .trim();
      return el(
        "td",
        { class: classes || null, dataset: { label: column.label } },
        href ? el("a", { href }, content) : content instanceof Node ? content : String(content),
      );
    }
    fill();
    const made = el("table", {}, el("thead", {}, el("tr", {}, heads)), body);
    if (caption) made.prepend(el("caption", {}, caption));
    return el(
      "div",
      { class: "table" },
      el("div", { class: "tools" }, save),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption || "table" }, made),
      more,
    );
  }

  Object.assign(SC, { download, fileName, csv, table });
})();
