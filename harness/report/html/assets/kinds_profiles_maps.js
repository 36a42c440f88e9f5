"use strict";
/* The maps of a profile (see kinds_profiles.js): energy over the plane of singular directions, and which entries changed in bf16. */
(() => {
  const { at } = SC.profiles;
  const { three, percent, times, row, about, noted, over, withNoise, spread } = SC.profiles.tools;

  const LEAST_LOG2 = 1; // twice and half of chance at least, so that the scatter of noise stays pale
  const MOST_LOG2 = 6;
  const energy = {
    spec: "profile_energy",
    title: "Energy of the update over the singular directions",
    needs: ["energy"],
    scale(cursors) {
      const logs = over(cursors, ["energy"], (found) => found.y ?? []).filter((value) => value > 0).map((value) => Math.abs(Math.log2(value)));
      const end = Math.min(MOST_LOG2, Math.max(LEAST_LOG2, spread(logs)[1]));
      return { low: -end, high: end };
    },
    fill(cursor, { low, high }) {
      const found = row(cursor, "energy");
      const points = found.y.map((chance, i) => ({
        u: Math.floor(i / found.cols) + 1, v: (i % found.cols) + 1, chance,
        log2: chance === null ? null : Math.max(low, Math.min(high, Math.log2(chance))),
      })).filter(({ chance }) => chance !== null);
      const { block = null, block_noise: noise = null } = about(cursor);
      const [least, most] = spread(found.y);
      const summary = `The leading eighth of directions on both sides, top left, holds ${times(block)} the energy that chance gives`
        + `${noise === null ? "" : ` (noise ${three(noise)})`}; blocks run from ${three(least)} to ${three(most)}. `
        + `Noise would be pale all over: blue is less than chance, orange more.${noted(found)}`;
      return { datasets: { points }, summary };
    },
  };

  const GAP = 0.02;
  const BARS = 0.2; // see charts/profile_bf16.py, EDGE
  const bf16 = {
    spec: "profile_bf16",
    title: "Which entries changed in bf16",
    needs: ["bf16_map", "bf16_rows", "bf16_cols"],
    scale: (cursors) => ({
      high: spread(over(cursors, ["bf16_map"], (found) => found.y ?? []))[1] || 1,
      bars: spread(over(cursors, ["bf16_rows", "bf16_cols"], withNoise))[1] || 1,
    }),
    fill(cursor, { bars }) {
      const [map, rows, cols] = this.needs.map((kind) => row(cursor, kind));
      const points = map.y.map((share, i) => {
        const [r, c] = [Math.floor(i / map.cols), i % map.cols];
        const corners = { x0: c / map.cols, x1: (c + 1) / map.cols, y0: r / map.rows, y1: (r + 1) / map.rows };
        return { part: "map", ...corners, share, where: `row bin ${r + 1}, column bin ${c + 1}: ${percent(share)} changed` };
      });
      const expected = [];
      const along = (part, found, corners) => found.y.forEach((share, i) => {
        const [from, to] = [i / found.y.length, (i + 1) / found.y.length];
        const where = `${part}, bin ${i + 1} of ${found.y.length}: ${percent(share)} changed`;
        points.push({ part, ...corners(from, to, 0, share), share, where });
        const noise = at(found.reference, i);
        if (noise !== null) expected.push({ part, ...corners(from, to, noise, noise), share: noise });
      });
      const reach = (share) => GAP + (BARS * share) / bars;
      along("rows", rows, (from, to, low, high) => ({ y0: from, y1: to, x0: 1 + reach(low), x1: 1 + reach(high) }));
      along("columns", cols, (from, to, low, high) => ({ x0: from, x1: to, y0: -reach(low), y1: -reach(high) }));
      const { changed = null, row: most = null, column = null } = about(cursor);
      const summary = `${percent(changed)} of the entries changed. The row bin that stands out most has ${times(most)} what noise of this `
        + `norm shows there, the column bin ${times(column)}. Look for stripes: noise gives an even map, and bars that end at the line.`;
      return { datasets: { points: points.filter(({ share }) => share !== null), expected }, summary };
    },
  };

  SC.profiles.ofMatrix.splice(3, 0, energy, bf16);
})();
