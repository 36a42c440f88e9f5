"use strict";
/* The tables of a claim's page: its numbers and its controls', values by seed, every session that judged it. */
(() => {
  const C = SC.claims;

  function numbersOf(row) {
    const controls = [
      ["the claim", null, row.estimate, row.ci_low, row.ci_high, row.verdict],
      ["null", row.null_name, row.null_estimate, row.null_low, row.null_high, row.null_verdict],
      ["plant", row.plant_name, row.plant_estimate, row.plant_low, row.plant_high, row.plant_verdict],
    ].filter(([role, name]) => role === "the claim" || name);
    const list = controls.map(([role, name, estimate, low, high, verdict]) => ({
      role,
      name: name ?? "",
      estimate,
      low,
      high,
      verdict,
    }));
    const columns = [
      { key: "role", label: "role" },
      { key: "name", label: "name" },
      { key: "estimate", label: "estimate", type: "number" },
      { key: "low", label: "low", type: "number" },
      { key: "high", label: "high", type: "number" },
      { key: "verdict", label: "verdict, were it the claim" },
    ];
    const more = [
      ["method", row.method],
      ["level of the interval", row.ci_level],
      ["alpha of the family", row.alpha],
      ["family", row.family && `${row.family}, ${row.family_size} claims`],
      ["p", row.p],
      ["p, Holm", row.p_adj],
      ["sign-flip p", row.sign_flip_p],
      ["effect in seed sd", row.effect],
      ["smallest effect shown", row.mde],
      ["noise floor", row.noise_floor],
      ["seeds to settle", row.n_to_settle],
      ["measure", row.series[0]?.metric],
      ["judged as", row.judged],
    ];
    const values = row.series.flatMap((entry) =>
      entry.seeds.split(" ").map((seed, i) => ({
        role: entry.role,
        control: entry.control ?? "",
        seed: Number(seed),
        value: entry.values[i],
        value2: entry.values2?.[i] ?? null,
        status: entry.statuses?.[i] ?? "ok",
      })),
    );
    const perSeed = [
      { key: "role", label: "role" },
      { key: "control", label: "control" },
      { key: "seed", label: "seed", type: "number" },
      { key: "value", label: "value", type: "number" },
      ...(values.some((v) => v.value2 !== null) ? [{ key: "value2", label: "against", type: "number" }] : []),
      { key: "status", label: "status" },
    ];
    const details = SC.el(
      "details",
      {
        ontoggle: () => {
          if (details.open && !details.querySelector("table"))
            details.append(
              SC.table(perSeed, values, { caption: "Values by seed", csvName: `${row.claim_id}-${row.scale}-values` }),
            );
        },
      },
      SC.text("summary", `All ${SC.count(values.length, "value")} by seed`),
    );
    return SC.el(
      "section",
      {},
      SC.text("h2", "Numbers"),
      SC.table(columns, list, { caption: "Claim and controls", csvName: `${row.claim_id}-${row.scale}`, sortable: false }),
      SC.el(
        "dl",
        { class: "facts small" },
        more
          .filter(([, value]) => value !== null && value !== undefined && value !== "")
          .map(([name, value]) => SC.el("div", {}, SC.text("dt", name), SC.text("dd", SC.number(value)))),
      ),
      details,
    );
  }

  function historyOf(section, row) {
    const steps = C.rowsAbout("history", row.index);
    if (!steps.length) return;
    const list = steps.map((step) => ({
      ...step,
      session_index: step.session,
      session: C.when(step.session),
      kind: C.KINDS[C.kindOf(step.verdict, step.reason)].label,
      low: step.ci_low,
      high: step.ci_high,
    }));
    const { history } = SC.data("page");
    section.append(SC.text("h2", "History"));
    if (list.length >= history) section.append(SC.text("p", `The last ${history} sessions; the store may have more.`, "quiet"));
    const drawn = list.filter((step) => C.finite(step.estimate));
    const bound = row.spec?.bound ?? {};
    if (drawn.length > 1) {
      const values = drawn.flatMap((step) => [step.estimate, step.low, step.high]).filter(C.finite);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const room = (high - low || Math.abs(high) || 1) * 0.15;
      const ends = [low - room, high + room];
      const region = C.holds(bound)
        .map(([from, to]) => ({ low: Math.max(ends[0], from ?? ends[0]), high: Math.min(ends[1], to ?? ends[1]) }))
        .filter((one) => one.low < one.high);
      const edit = (spec) => {
        for (const layer of spec.layer) layer.encoding.y.scale = { domain: ends, nice: false, zero: false };
      };
      const texts = drawn.map((step) => ({
        session: step.session,
        kind: step.kind,
        estimate: step.estimate,
        low: step.low ?? step.estimate,
        high: step.high ?? step.estimate,
        n: step.n,
        version: step.version,
      }));
      SC.chart(
        section,
        "claim_history",
        { steps: texts, region },
        {
          title: "Estimate by session",
          name: `${row.claim_id}-${row.scale}-sessions`,
          edit,
          summary: `${SC.count(list.length, "session")}, from ${list[0].session} to ${list.at(-1).session}: ${spoken(list)}. Shaded is the bound as it is now.`,
          columns: ["session", "kind", "estimate", "low", "high", "n", "version"],
        },
      );
    }
    const columns = [
      { key: "session", label: "session", href: (step) => SC.link("runs", C.run(step.session_index, "run_id")) },
      { key: "verdict", label: "verdict", show: (_, step) => C.badge(C.kindOf(step.verdict, step.reason), step.reason) },
      { key: "estimate", label: "estimate", type: "number" },
      { key: "low", label: "low", type: "number" },
      { key: "high", label: "high", type: "number" },
      { key: "n", label: "n", type: "number" },
      { key: "version", label: "version", type: "number" },
      { key: "spec_sha", label: "spec" },
      { key: "judged", label: "judged as" },
    ];
    section.append(
      SC.table(columns, list.reverse(), {
        caption: "Sessions that judged it",
        csvName: `${row.claim_id}-${row.scale}-history`,
        limit: 20,
      }),
    );
  }

  /** "supported 3 times, then refuted once". */
  function spoken(list) {
    const runs = [];
    for (const { kind } of list) {
      if (runs.length && runs.at(-1).kind === kind) runs.at(-1).n += 1;
      else runs.push({ kind, n: 1 });
    }
    return runs
      .slice(-4)
      .map(({ kind, n }) => `${kind} ${n === 1 ? "once" : `${n} times`}`)
      .join(", then ");
  }

  Object.assign(C, { numbersOf, historyOf });
})();
