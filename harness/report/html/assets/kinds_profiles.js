"use strict";
/* What each chart of a profile shows: its rows, the ends of its scales over all steps, and the sentence above it.
 *
 * A kind is {spec, title, needs: [kinds of rows], scale(cursors) -> {low, high}, fill(cursor, scale) -> {datasets, summary}}.
 * Missing values stay missing: no row is made for them, and `lacking` says why a chart is not there. Here are the curves of a
 * matrix and the tools of all kinds; kinds_profiles_maps.js has the maps, kinds_profiles_steps.js what runs over steps and layers.
 */
(() => {
  const { at, known, median } = SC.profiles;
  const three = (value) => SC.number(value, 3);
  const percent = (value, isSigned = false) =>
    value === null ? "–" : `${isSigned && value > 0 ? "+" : ""}${three(value * 100).replace("-", "\u2212")} %`;
  const times = (value) => (value === null ? "an unknown number of times" : `${three(value)} times`);
  const row = (cursor, kind) => cursor.subject.row(kind, cursor.step, cursor.matrix);
  const about = (cursor) => cursor.subject.numbers(cursor.step, cursor.matrix) ?? {};
  /** What the measure says of itself here: its last clause, such as the k it took. */
  const noted = (found) => (found.note ? ` Note: ${found.note.split("; ").at(-1)}.` : "");
  const index = (found, i) => (found.x ? found.x[i] : i + 1);

  /** All values of some kinds over the steps and subjects that share a scale. */
  const over = (cursors, kinds, pick) => cursors.flatMap(({ subject, matrix }) => subject.steps.flatMap((step) =>
    kinds.flatMap((kind) => subject.rows(kind, step, kind.startsWith("layer_") ? "" : matrix).flatMap(pick))));
  const withNoise = (found) => [...(found.y ?? []), ...(found.reference ?? [])];
  const spread = (values) =>
    known(values).reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

  /** A linear scale that holds the values and zero, with a little room where it does not end at zero. */
  function linear(values) {
    const [low, high] = spread([0, ...known(values)]);
    if (high === low) return { low: 0, high: 1 };
    const room = 0.04 * (high - low);
    return { low: low && low - room, high: high && high + room };
  }

  /** A logarithmic scale that holds the positive values, down to a share of the largest. */
  function logarithmic(values, floor = 0) {
    const [low, high] = spread(known(values).filter((value) => value > 0));
    return high > 0 ? { low: Math.max(low, high * floor) / 1.1, high: high * 1.1 } : { low: 0.1, high: 10 };
  }

  const values = {
    spec: "profile_values",
    title: "Singular values before and after",
    needs: ["values_before", "values_after"],
    scale: (cursors) => logarithmic(over(cursors, ["values_before", "values_after"], (found) => found.y ?? []), 1e-7),
    fill(cursor) {
      const [before, after] = [row(cursor, "values_before"), row(cursor, "values_after")];
      const line = (series, broad, found) =>
        found.y.map((value, i) => ({ index: index(found, i), value, series, broad })).filter(({ value }) => value > 0);
      const moved = after.y.map((value, i) => (value === null || !before.y[i] ? null : value / before.y[i] - 1));
      const usual = median(moved.map((value) => value && Math.abs(value)));
      const summary = `The leading value goes from ${SC.number(before.y[0])} to ${SC.number(after.y[0])} (${percent(moved[0], true)}); `
        + `half of all move by less than ${percent(usual)}. Look for a gap between the lines; noise leaves the leading values and `
        + "lifts the smallest.";
      return { datasets: { points: [...line("before", 6, before), ...line("after", 2, after)] }, summary };
    },
  };

  const drift = {
    spec: "profile_drift",
    title: "Drift of each singular value",
    needs: ["drift"],
    scale: (cursors) => linear(over(cursors, ["drift"], (found) => withNoise(found).concat((found.reference ?? []).map((value) => -value)))),
    fill(cursor) {
      const found = row(cursor, "drift");
      const points = found.y.map((value, i) => {
        const noise = at(found.reference, i);
        const band = noise === null ? {} : { least: -Math.abs(noise), most: Math.abs(noise) };
        return { index: index(found, i), drift: value, ...band };
      }).filter((point) => point.drift !== null);
      const { drift: middle, drift_top: top, drift_index: where, drift_times: factor } = about(cursor);
      const largest = (top ?? null) === null ? "The largest drift is not known."
        : `The largest drift, ${percent(top, true)} at index ${where}, is ${times(factor)} what noise of this norm gives there.`;
      const usual = (middle ?? null) === null ? "No noise was drawn to compare with."
        : `The median index drifts ${times(middle)} as far as noise: noise itself would give about 0.7, and leave the band at one index of three.`;
      return { datasets: { points }, summary: `${largest} ${usual}` };
    },
  };

  const angles = {
    spec: "profile_angles",
    title: "Principal angles of the leading spaces",
    needs: ["angles_left", "angles_right"],
    scale: (cursors) => linear(over(cursors, ["angles_left", "angles_right"], withNoise)),
    fill(cursor) {
      const sides = [["left", row(cursor, "angles_left")], ["right", row(cursor, "angles_right")]];
      const points = sides.flatMap(([side, found]) => found.y.flatMap((value, i) => [
        { index: index(found, i), value, side, series: "run" },
        { index: index(found, i), value: at(found.reference, i), side, series: "noise" },
      ])).filter(({ value }) => value !== null);
      const largest = (list) => `${three(spread(list)[1])}°`;
      const told = sides.map(([side, found]) =>
        `${largest(found.y)} on the ${side} (noise ${found.reference ? largest(found.reference) : "not drawn"})`);
      const { angle } = about(cursor);
      const verdict = (angle ?? null) === null ? ""
        : angle > 1 ? ` The largest is ${times(angle)} noise's.` : ` No more than noise: ${times(angle)} its largest angle.`;
      const summary = `The ${SC.count(sides[0][1].y.length, "leading direction")} turn by at most ${told.join(" and ")}.${verdict} `
        + `Noise would put the solid lines on the dashed ones.${noted(sides[0][1])}`;
      return { datasets: { points }, summary };
    },
  };

  const MASKS = ["principal (M_princ)", "small (M_low)", "both"];
  const overlap = {
    spec: "profile_overlap",
    title: "Where the changed entries lie",
    needs: ["mask_overlap"],
    scale: () => ({}),
    fill(cursor) {
      const [found, drawn] = [row(cursor, "mask_overlap"), row(cursor, "mask_overlap_noise")];
      const points = MASKS.map((mask, i) => ({ mask, share: found.y[i], noise: at(drawn && drawn.y, i), chance: at(found.reference, i) }))
        .filter(({ share }) => share !== null);
      const told = points.filter(({ mask }) => mask !== "both").map(({ mask, share, noise, chance }) =>
        `${percent(share)} lie among the ${mask} entries (${noise === null ? "" : `noise ${percent(noise)}, `}chance ${percent(chance)})`);
      const summary = `Of the entries that changed, ${told.join(", ")}. Compare with noise, not with chance: bf16 shows any update first `
        + "among the small entries.";
      return { datasets: { points }, summary };
    },
  };

  const WHAT = {
    values_before: "singular values before", values_after: "singular values after", drift: "drift curve", angles_left: "left angles",
    angles_right: "right angles", energy: "energy map", mask_overlap: "mask overlap", bf16_map: "bf16 map", bf16_rows: "row shares",
    bf16_cols: "column shares",
  };
  const rowsOf = (kind, need, cursor) =>
    (kind.isOfAll ? cursor.subject.rows(need, cursor.step) : [row(cursor, need)]).filter((found) => found !== null);

  /** Why a chart cannot be drawn here, in a sentence; null where it can. */
  function lacking(kind, cursor) {
    if (kind.lacking) return kind.lacking(cursor);
    for (const need of kind.needs) {
      const found = rowsOf(kind, need, cursor);
      if (found.some(({ y }) => known(y).length)) continue;
      const where = kind.isOfAll ? `at step ${cursor.step}` : `of ${cursor.matrix} at step ${cursor.step}`;
      const reason = found.find(({ detail }) => detail)?.detail ?? "none was stored";
      return `No ${WHAT[need] ?? "numbers by layer"} ${where}: ${reason}.`;
    }
    return null;
  }

  /** What is incomplete in a chart that is drawn; an empty text where nothing is. */
  function flaws(kind, cursor) {
    const told = new Set(kind.needs.flatMap((need) => rowsOf(kind, need, cursor)).map(({ detail }) => detail).filter(Boolean));
    return told.size ? ` Incomplete: ${[...told].join("; ")}.` : "";
  }

  const tools = { three, percent, times, row, about, noted, over, withNoise, spread, linear, logarithmic };
  Object.assign(SC.profiles, { tools, ofMatrix: [values, drift, angles, overlap], ofLayers: [], lacking, flaws });
})();
