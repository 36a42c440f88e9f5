"use strict";
/* Runs' profiles as objects: which subjects there are, and one subject's curves and maps by kind, step and matrix.
 *
 * A subject's block is parsed when it is asked for first. A cursor, {subject, step, matrix}, is what every chart reads from.
 */
SC.profiles = (() => {
  /** Main numbers of a matrix at a step, see profile_numbers.py. */
  const NUMBERS = [
    ["norm", "update norm over the base's"],
    ["drift", "drift / noise, median index"],
    ["drift_top", "largest drift"],
    ["drift_times", "largest drift / noise there"],
    ["angle", "largest angle / noise"],
    ["angle_left", "largest left angle, degrees"],
    ["angle_right", "largest right angle, degrees"],
    ["block", "energy of the leading block / chance"],
    ["princ", "changed entries in M_princ / chance"],
    ["princ_noise", "changed entries in M_princ / noise"],
    ["low", "changed entries in M_low / chance"],
    ["low_noise", "changed entries in M_low / noise"],
    ["changed", "share changed in bf16"],
    ["row", "row stripe / noise"],
    ["column", "column stripe / noise"],
  ];
  const opened = new Map();

  /** The rows of the list: a subject each, with its main numbers. */
  const list = () => SC.rows((SC.data("profiles") ?? {}).subjects);

  /** A subject by name; null where the report has no curves of it. */
  function subject(name) {
    if (!opened.has(name)) {
      const about = list().find((each) => each.subject === name);
      opened.set(name, about && about.curves ? open(about) : null);
    }
    return opened.get(name);
  }

  function open(about) {
    const block = SC.data(about.curves);
    const places = new Map(); // "kind step matrix" -> places of rows; a layer's kind has one a module
    const table = block.rows;
    for (let i = 0; i < table.n; i += 1) {
      const key = [SC.cell(table, "kind", i), table.columns.step[i], SC.cell(table, "matrix", i)].join("\n");
      if (!places.has(key)) places.set(key, []);
      places.get(key).push(i);
    }
    const counted = new Map(SC.rows(block.numbers).map((row) => [`${row.step}\n${row.matrix}`, row]));
    const array = (place) => (place === null ? null : block.arrays[place]);
    const row = (i) => {
      const found = SC.row(table, i);
      return { ...found, x: array(found.x), y: array(found.y), reference: array(found.reference) };
    };
    const rows = (kind, step, matrix = "") => (places.get([kind, step, matrix].join("\n")) ?? []).map(row);
    return {
      name: about.subject,
      about,
      steps: block.steps,
      last: block.steps.at(-1),
      matrices: block.matrices.map(([name, layer, module]) => ({ name, layer, module })),
      rows,
      row: (kind, step, matrix) => rows(kind, step, matrix)[0] ?? null,
      numbers: (step, matrix) => counted.get(`${step}\n${matrix}`) ?? null,
    };
  }

  /** "SUBJECT" or "SUBJECT @ STEP", one checkpoint of it: {subject, label, fixed step or null}; null where there is none. */
  function chosen(text) {
    const whole = subject(text);
    if (whole) return { subject: whole, label: text, fixed: null };
    const [, name, step] = /^(.*) @ (\d+)$/s.exec(text) ?? [];
    const found = name && subject(name);
    return found && found.steps.includes(Number(step)) ? { subject: found, label: `${name}, step ${step}`, fixed: Number(step) } : null;
  }

  /** The checkpoint nearest to a fraction of a subject's steps. */
  function nearest({ steps, last }, fraction) {
    const off = (step) => Math.abs(step / last - fraction);
    return steps.reduce((best, step) => (off(step) < off(best) ? step : best));
  }

  /** A null's value at a place: one value holds for all. */
  const at = (reference, i) => (!reference ? null : reference.length === 1 ? reference[0] : reference[i] ?? null);
  const known = (values) => (values ?? []).filter((value) => value !== null && Number.isFinite(value));
  function median(values) {
    const sorted = known(values).sort((a, b) => a - b);
    const half = sorted.length >> 1;
    return !sorted.length ? null : sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  const heading = (text) => SC.el("h1", { tabindex: "-1" }, text);
  const all = () => [...SC.profiles.ofMatrix, ...SC.profiles.ofLayers]; // kinds of charts, see kinds_profiles.js

  return { NUMBERS, list, subject, chosen, nearest, at, known, median, heading, all };
})();
