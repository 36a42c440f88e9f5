"use strict";
/* The picture of a claim: its replicates beside its null's, its plant's and its twin's on one axis, the bound shaded. */
(() => {
  const C = SC.claims;
  const ROW = 54; // pixels of a series, as in charts/claim_seeds.py
  const PAIRED = ["greater", "differs"];
  const ROLES = { claim: "the claim", null: "null", plant: "plant", floor: "twin" };

  const finite = (value) => typeof value === "number" && Number.isFinite(value);

  /** One replicate on the axis: itself, or the difference of a pair as it is judged. */
  function score(bound, a, b) {
    if (!finite(a)) return null;
    if (!PAIRED.includes(bound.kind) || b === null || b === undefined) return a;
    const given = { log: Math.log, logit: (x) => Math.log(x / (1 - x)), fisher_z: Math.atanh }[bound.on] ?? ((x) => x);
    const difference = given(a) - given(b);
    return finite(difference) ? difference : null;
  }

  /** Where the bound holds, as [low, high] with null for no end. */
  function holds(bound) {
    switch (bound.kind) {
      case "below":
        return [[null, bound.high]];
      case "above":
      case "fraction":
        return [[bound.low, null]];
      case "equivalent":
        return [[bound.low, bound.high]];
      case "greater":
        return [[bound.margin, null]];
      case "differs":
        return [
          [null, -bound.margin],
          [bound.margin, null],
        ];
      default:
        return [];
    }
  }

  function limitsOf(bound) {
    if (bound.kind === "exact") return [Number(bound.equals)];
    return [...new Set(holds(bound).flat().filter(finite))];
  }

  function seriesName(entry) {
    return entry.role === "claim" ? ROLES.claim : `${ROLES[entry.role] ?? entry.role}: ${entry.control ?? ""}`;
  }

  /** Rows of the picture, and what could not be put into it. */
  function replicates(row, bound) {
    const points = [];
    let missing = 0;
    for (const entry of row.series) {
      const seeds = entry.seeds.split(" ").map(Number);
      const found = entry.values.map((value, i) => ({
        series: seriesName(entry),
        role: entry.role,
        seed: seeds[i],
        value: score(bound, value, entry.values2?.[i]),
      }));
      missing += found.filter((point) => point.value === null).length;
      const known = found.filter((point) => point.value !== null);
      known.forEach((point, i) => {
        point.dy = ROW / 2 + (i - (known.length - 1) / 2) * Math.min(6, 36 / known.length);
      });
      points.push(...known);
    }
    return { points, missing };
  }

  function intervalsOf(row) {
    const named = (role, control) =>
      row.series.find((entry) => entry.role === role && (control === null || entry.control === control));
    const made = [];
    const add = (entry, low, high, estimate) => {
      if (entry && finite(estimate))
        made.push({ series: seriesName(entry), role: entry.role, low: low ?? estimate, high: high ?? estimate, estimate });
    };
    add(named("claim", null), row.ci_low, row.ci_high, row.estimate);
    if (row.null_name) add(named("null", row.null_name), row.null_low, row.null_high, row.null_estimate);
    if (row.plant_name) add(named("plant", row.plant_name), row.plant_low, row.plant_high, row.plant_estimate);
    return made;
  }

  /** The axis: log where the bound is judged on the log or values span decades, symlog where some of those are not positive. */
  function axisOf(bound, values) {
    const isLog = bound.on === "log" && !PAIRED.includes(bound.kind);
    const sizes = values.map(Math.abs).filter((size) => size > 0);
    const spans =
      sizes.length > 1 &&
      Math.max(...sizes) / Math.min(...sizes) > 1000 &&
      !PAIRED.includes(bound.kind) &&
      bound.kind !== "exact";
    if (isLog || (spans && values.every((value) => value > 0))) {
      const positive = values.filter((value) => value > 0);
      const [low, high] = [Math.min(...positive), Math.max(...positive)];
      const room = Math.max((high / low) ** 0.06, 1.05);
      return { type: "log", domain: [low / room, high * room], drops: (value) => value <= 0 };
    }
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (spans) {
      const constant = Math.max(Math.min(...sizes), Math.max(...sizes) * 1e-12);
      return { type: "symlog", constant, domain: [low < 0 ? low * 1.5 : 0, high > 0 ? high * 1.5 : 0], drops: () => false };
    }
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return { type: "linear", domain: [low - room, high + room], drops: () => false };
  }

  function picture(element, row) {
    const bound = row.spec?.bound ?? {};
    const { points, missing } = replicates(row, bound);
    const intervals = intervalsOf(row);
    if (!points.length) {
      element.append(
        SC.el(
          "p",
          { class: "quiet" },
          row.series.length
            ? "No replicate of this claim has a finite value, so there is no picture."
            : "This session stored no values of this claim.",
        ),
      );
      return;
    }
    const limits = limitsOf(bound);
    const axis = axisOf(
      bound,
      [
        ...points.map((point) => point.value),
        ...intervals.flatMap((one) => [one.low, one.high, one.estimate]),
        ...limits,
      ].filter(finite),
    );
    const shown = points.filter((point) => !axis.drops(point.value));
    const clip = (value, end) => Math.min(axis.domain[1], Math.max(axis.domain[0], value ?? axis.domain[end]));
    const region = holds(bound).map(([low, high]) => ({ low: clip(low, 0), high: clip(high, 1), told: row.bound }));
    const bars = intervals
      .map((one) => ({ ...one, low: clip(one.low, 0), high: clip(one.high, 1) }))
      .filter((one) => !axis.drops(one.estimate));
    const order = [...new Set(row.series.map(seriesName))];
    const edit = (spec, _, width) => {
      spec.height = ROW * order.length;
      for (const layer of spec.layer) {
        layer.encoding.x.scale = {
          type: axis.type,
          domain: axis.domain,
          nice: false,
          ...(axis.type === "log" ? {} : { zero: false }),
          ...(axis.constant ? { constant: axis.constant } : {}),
        };
        layer.encoding.x.axis = { format: "~g", tickCount: Math.max(3, Math.round(width / 110)), labelOverlap: true };
        if (!layer.encoding.y) continue;
        layer.encoding.y.scale = { ...layer.encoding.y.scale, domain: order }; // not `sort`, which becomes an expression: these are texts of the store
        layer.encoding.y.axis = { ...layer.encoding.y.axis, labelLimit: width < 520 ? 104 : 240 };
      }
    };
    const dropped = points.length - shown.length + missing;
    const notes = [
      axis.type === "linear" ? "" : ` The axis is ${axis.type === "log" ? "logarithmic" : "logarithmic around zero"}.`,
      dropped ? ` ${SC.count(dropped, "replicate")} without a place on it: see the table.` : "",
    ];
    SC.chart(
      element,
      "claim_seeds",
      { points: shown, intervals: bars, region, limits: limits.map((limit) => ({ limit })) },
      {
        title: "Would noise do?",
        name: `${row.claim_id}-${row.scale}-seeds`,
        summary: `${told(row, bound)}${notes.join("")}`,
        edit,
        columns: ["dataset", "series", "role", "seed", "value", "estimate", "low", "high", "limit"],
      },
    );
  }

  /** The picture in a sentence or two. */
  function told(row, bound) {
    const inside = (value) =>
      holds(bound).some(([low, high]) => (low === null || value >= low) && (high === null || value <= high));
    const parts = [
      `Each dot is a seed; bars are intervals; shaded is where the claim holds (${row.bound || "no bound stored"}).`,
    ];
    if (row.null_name && row.null_estimate !== null && limitsOf(bound).length && bound.kind !== "exact") {
      const place =
        row.null_verdict === "inconclusive"
          ? "across the bound's limit, so noise might do as well"
          : inside(row.null_estimate)
            ? "inside the bound, so noise would do as well"
            : "outside the bound";
      parts.push(
        `The claim's number is ${SC.number(row.estimate)}; its null ${row.null_name} gives ${SC.number(row.null_estimate)} ${SC.interval(row.null_low, row.null_high)}, ${place}.`,
      );
    } else if (!row.null_name && row.spec?.no_null) parts.push(`No null: ${row.spec.no_null}.`);
    if (row.plant_name && row.plant_estimate !== null)
      parts.push(
        `The plant ${row.plant_name} gives ${SC.number(row.plant_estimate)} and is ${row.plant_verdict ?? "unjudged"}.`,
      );
    return parts.join(" ");
  }

  Object.assign(C, { picture, holds, finite });
})();
