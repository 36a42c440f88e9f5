"use strict";
/* Charts of a profile over training steps and over layers (see kinds_profiles.js). */
(() => {
  const { at, median } = SC.profiles;
  const { three, over, withNoise, linear, logarithmic } = SC.profiles.tools;

  const SERIES = [ // as in charts/profile_steps.py
    ["drift", "drift / noise"], ["angle", "angle / noise"], ["block", "leading block / chance"], ["princ_noise", "M_princ / noise"],
  ];
  const number = ({ subject, matrix }, step, key) => (subject.numbers(step, matrix) ?? {})[key] ?? null;
  const evolving = (cursor) => cursor.subject.steps.flatMap((step) =>
    SERIES.map(([key, series]) => ({ step, value: number(cursor, step, key), series }))).filter(({ value }) => value > 0);
  const steps = {
    spec: "profile_steps",
    title: "Evolution over training",
    needs: [],
    scale(cursors) {
      const { low, high } = logarithmic(cursors.flatMap(evolving).map(({ value }) => value));
      const [firsts, lasts] = [cursors.map(({ subject }) => subject.steps[0]), cursors.map(({ subject }) => subject.last)];
      return { low: Math.min(low, 0.5), high: Math.max(high, 2), from: Math.min(...firsts), to: Math.max(...lasts) };
    },
    edit(spec, { from, to }) { // checkpoints are dense at the start
      const scale = { type: from > 0 && to > 20 * from ? "log" : "linear", nice: false, domain: [from, to] };
      for (const layer of spec.layer) if (layer.encoding.x) layer.encoding.x.scale = scale;
    },
    lacking: ({ subject }) => (subject.steps.length < 2 ? `This run has one checkpoint, step ${subject.last}: nothing evolves.` : null),
    fill(cursor) {
      const [first, last] = [cursor.subject.steps[0], cursor.subject.last];
      const told = SERIES.map(([key, series]) => [series, number(cursor, first, key), number(cursor, last, key)])
        .filter(([, from, to]) => from !== null && to !== null).map(([series, from, to]) => `${series} from ${three(from)} to ${three(to)}`);
      const summary = `From step ${first} to ${last}: ${told.join(", ") || "too little is known"}. Noise and chance are the line at 1; `
        + "the dashed line is the step shown.";
      return { datasets: { points: evolving(cursor), now: [{ step: cursor.step }] }, summary };
    },
  };

  /** One number by layer, a line a module; it does not depend on the matrix. */
  function layers(kind, title, hint) {
    return {
      spec: "profile_layers",
      title,
      needs: [kind],
      isOfAll: true,
      scale: (cursors) => ({ modules: [...new Set(over(cursors, [kind], (found) => [found.module]))], ...linear(over(cursors, [kind], withNoise)) }),
      edit(spec, { modules }) { // with one domain the legends of colour and shape become one
        for (const channel of ["color", "shape"]) spec.layer.at(-1).encoding[channel].scale = { domain: modules };
      },
      fill(cursor) {
        const found = cursor.subject.rows(kind, cursor.step);
        const points = found.flatMap((one) => (one.y ?? []).map((value, i) => ({ layer: one.x[i], module: one.module, value })))
          .filter(({ value }) => value !== null);
        const nulls = found.flatMap((one) => (one.reference ? one.x.map((layer, i) => ({ layer, value: at(one.reference, i) })) : []));
        const noise = [...new Set(nulls.map(({ layer }) => layer))].sort((a, b) => a - b)
          .map((layer) => ({ layer, value: median(nulls.filter((one) => one.layer === layer).map(({ value }) => value)) }))
          .filter(({ value }) => value !== null);
        const top = points.reduce((best, point) => (best === null || point.value > best.value ? point : best), null);
        const given = median(noise.map(({ value }) => value));
        const summary = `Largest in ${top.module} of layer ${top.layer}, ${three(top.value)}; the median is `
          + `${three(median(points.map(({ value }) => value)))}${given === null ? "" : `, noise's ${three(given)} (dashed)`}. ${hint}`;
        return { datasets: { points, noise }, summary };
      },
    };
  }

  SC.profiles.ofMatrix.push(steps);
  SC.profiles.ofLayers.push(
    layers("layer_update_norm", "Relative update norm by layer", "Noise of a given norm would be flat: what rises is where training wrote."),
    layers("layer_nss", "NSS, the shift of the spectrum, by layer", "Noise of the same norm would follow the dashed line."),
    layers("layer_enrichment", "Energy in the leading block by layer, times chance", "Noise stays near 1."),
    layers("layer_bf16_changed", "Share of entries changed in bf16 by layer", "Noise of the same norm changes the dashed share."));
})();
