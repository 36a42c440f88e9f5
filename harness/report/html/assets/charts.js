"use strict";
/* Charts: a Vega-Lite spec that Python made, filled with rows here, drawn by the Vega bundle that lies in this file as text.
 *
 * The bundle is run when the first chart is drawn, not before: the first screen has none. Expressions are interpreted, not
 * compiled (ast), so that the page's content policy can forbid eval. A chart of width "container" is redrawn to its new width.
 */
(() => {
  let ready = null;

  /** The drawing function, made once from the inert text. */
  function embedder() {
    ready ??= new Promise((resolve, reject) => {
      const bundle = document.getElementById("vega");
      if (!bundle) return reject(new Error("this report was made without the charts' library"));
      const script = document.createElement("script");
      script.textContent = bundle.textContent;
      document.head.append(script); // an inline script runs at once
      bundle.remove();
      resolve(window.vegaEmbed);
    });
    return ready;
  }

  const refuse = () => Promise.reject(new Error("a report loads nothing"));
  const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {} };

  /** Draw a chart into an element; gives a promise of the Vega view.
   *
   * datasets: {name: rows} for the spec's named data. title: above it. summary: one sentence of what it shows, for those who
   * do not see it. name: of saved files. columns: keys of the table and the CSV (all of them otherwise). edit(spec, datasets, width): a last change to a copy.
   * The view's `sc.update(datasets, {summary})` puts in other rows without drawing anew, as a slider needs it.
   */
  SC.chart = function chart(
    element,
    specName,
    datasets,
    { title = "", summary = title, name = title, columns = null, edit = null } = {},
  ) {
    const stored = (SC.data("specs") || {})[specName];
    if (!stored) return Promise.reject(new Error(`no chart is called ${specName}`));
    const plot = SC.el("div", { class: "plot", role: "img", "aria-label": summary });
    const tools = SC.el("span", { class: "tools" });
    const told = SC.el("p", { class: "summary", "aria-hidden": "true" }, summary);
    const behind = SC.el("details", { class: "data" });
    element.append(
      SC.el(
        "figure",
        { class: "chart", dataset: { chart: specName } },
        SC.el("figcaption", {}, SC.el("span", { class: "chart-title" }, title), tools),
        plot,
        told,
        behind,
      ),
    );
    let shown = tabular(datasets, columns);
    dataTable(behind, title, () => shown);

    let view = null;
    let width = 0;
    let isGone = false;
    async function draw() {
      const embed = await embedder();
      if (isGone) return view;
      width = plot.clientWidth || width;
      const spec = structuredClone(stored);
      if (edit) edit(spec, datasets, width);
      if (spec.width === "container")
        Object.assign(spec, { width: Math.max(160, width), autosize: { type: "fit-x", contains: "padding" } });
      spec.datasets = structuredClone(datasets); // Vega writes into its rows
      const options = {
        mode: "vega-lite",
        actions: false,
        renderer: "svg",
        ast: true,
        loader,
        config: SC.data("theme")[theme()],
        tooltip: { theme: theme() },
      };
      const holder = SC.el("div", { "aria-hidden": "true" }); // the plot around it is the image, and has its words
      const result = await embed(holder, spec, options);
      if (view) view.finalize();
      view = Object.assign(result.view, { sc: { update } });
      plot.replaceChildren(holder);
      plot.dataset.theme = theme();
      plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
      return view;
    }
    async function change() {
      for (const name of Object.keys(datasets)) view.data(name, structuredClone(datasets[name])); // takes out what is there
      return view.runAsync();
    }
    let queue = draw();
    const then = (action) => {
      queue = queue.then(() => (isGone ? view : action()));
      return queue;
    };
    function update(given, { summary: sentence = null } = {}) {
      datasets = { ...datasets, ...given };
      shown = tabular(datasets, columns);
      dataTable(behind, title, () => shown);
      if (sentence !== null) {
        told.textContent = sentence;
        plot.setAttribute("aria-label", sentence);
      }
      return then(change);
    }
    const again = () => then(draw);
    let timer = 0;
    const sized = new ResizeObserver(() => {
      clearTimeout(timer); // not for every pixel of a window that is being dragged, and not while the chart is hidden
      timer = setTimeout(() => {
        if (plot.clientWidth && Math.abs(plot.clientWidth - width) > 4) again();
      }, 120);
    });
    sized.observe(plot);
    redraws.add(again);
    SC.leave(() => {
      isGone = true;
      sized.disconnect();
      clearTimeout(timer);
      redraws.delete(again);
      queue.then(() => view && view.finalize());
    });

    const file = (ending) => SC.fileName(name || specName, ending);
    const tool = (label, action) =>
      SC.button(label, action, { class: "tool", "aria-label": `${title} as ${label}`, title: `Save as ${label}` });
    tools.append(
      tool("SVG", async () => {
        await queue;
        SC.download(file("svg"), await view.toSVG(), "image/svg+xml");
      }),
      tool("PNG", async () => {
        await queue;
        (await view.toCanvas(2)).toBlob((blob) => SC.download(file("png"), blob));
      }),
      tool("CSV", () => SC.download(file("csv"), SC.csv(shown.keys, shown.list), "text/csv")),
    );
    return queue;
  };

  const redraws = new Set();
  function redraw() {
    for (const again of redraws) again();
  }
  SC.onTheme(redraw);

  let isPrinted = false;
  const theme = () => (isPrinted ? "light" : SC.theme()); // paper is white
  function onPaper(is) {
    isPrinted = is;
    if (SC.theme() === "dark") redraw();
  }
  window.addEventListener("beforeprint", () => onPaper(true));
  window.addEventListener("afterprint", () => onPaper(false));

  /** All datasets as one list of rows, and the keys to show. */
  function tabular(datasets, columns) {
    const names = Object.keys(datasets);
    const list =
      names.length === 1
        ? datasets[names[0]]
        : names.flatMap((name) => datasets[name].map((entry) => ({ dataset: name, ...entry })));
    return { list, keys: columns ?? [...new Set(list.flatMap((entry) => Object.keys(entry)))] };
  }

  /** The chart's rows as a table, made when it is opened. */
  function dataTable(details, title, get) {
    const fill = () => {
      if (!details.open || details.querySelector(".table")) return;
      const { list, keys } = get();
      const isNumber = (key) => list.some((entry) => typeof entry[key] === "number");
      details.append(
        SC.table(
          keys.map((key) => ({ key, label: key, type: isNumber(key) ? "number" : "text" })),
          list,
          { caption: title, limit: 100 },
        ),
      );
    };
    details.replaceChildren(SC.text("summary", `The ${SC.count(get().list.length, "row")} behind it`));
    details.ontoggle = fill;
    fill();
  }
})();
