"""Merged and unmerged: what stays behind in the base, in which format, and for how long does it grow?"""

import harness as h
from suites.adapter_precision.cycles import adapters, drifted, reached
from suites.adapter_precision.paper import MERGING, PAPER, RELATIVE

CYCLES = 30
"""Cycles where more than one is asked for: the drift of independent roundings is then sqrt(30) = 5.5 times that of one."""

UNIT = 2.0**-24
"""Unit roundoff of fp32: one rounding errs by at most this share of its result."""

EIGHTH = (1 / 16, 1 / 4)
"""bf16 has 7 bits of mantissa and fp16 has 10: 2^-3 of the drift, to within a factor of two."""


@PAPER.claim(
    "weight-comes-back-below-half-its-spacing",
    says="One cycle of peft's safe merge in bf16 changes no weight whose sum is rounded by less than half the weight's spacing",
    source="arithmetic: a - d = W0 + e, and W0 is the number nearest to it; peft does these two roundings and no other",
    metric="weights that changed though |e| < g / 2",
    bound=h.exact(0),
    null=h.variant(of="reached"),
    plant=h.variant(made="drawn"),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_weight_comes_back(rlvr, rng, of="spared", made="trained"):
    """The null counts the others: of those some must change, or nothing was asked."""
    found = drifted(adapters(rlvr, None, rng if made == "drawn" else None), "bf16", safe=True)
    hit = reached(found, "bf16")
    return int(((found.after != found.before) & (hit if of == "reached" else ~hit)).sum())


@PAPER.claim(
    "cycle-changes-published-share",
    says="At the size of a published RLVR update one cycle in bf16 changes a tenth to a quarter of the weights",
    source="TRL 6688: 16.9 % of the weights after one cycle in bf16, drift up to 2.4e-4; its adapter's size is not given",
    metric="share of weights that one cycle of merge and unmerge changes",
    bound=h.equivalent(0.1, 0.25),
    null=h.variant(dtype="fp32"),
    plant=h.variant(size=0.2),
    expect={"tiny": "refuted"},
    family=MERGING,
)
def test_cycle_changes_published_share(rlvr, size=RELATIVE, dtype="bf16"):
    """Weights change near the next binade or where they are smaller than the update: the share follows its size."""
    found = drifted(adapters(rlvr, size), dtype)
    return (found.after != found.before).double().mean().item()


@PAPER.claim(
    "bf16-cycle-loses",
    says="At the size of a published RLVR update one cycle in bf16 leaves over a hundredth of the update's norm in the base",
    source="TRL 6688: merge_adapter and unmerge_adapter do not give back a bf16 base",
    metric="|W after - W before|_F / |D|_F, all matrices at once",
    bound=h.above(0.01, on="log"),
    null=(h.variant(dtype="fp32"), h.variant(dtype="fp32", made="drawn")),
    plant=h.variant(made="drawn"),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_bf16_cycle_loses(rlvr, rng, dtype="bf16", made="trained"):
    found = drifted(adapters(rlvr, RELATIVE, rng if made == "drawn" else None), dtype)
    return ((found.after - found.before).norm() / found.update.norm()).item()


@PAPER.claim(
    "drift-grows-with-cycles",
    says="In bf16 thirty cycles of an adapter that grows meanwhile drift over three times as far as one cycle",
    source="TRL 6688: 1.49e-2 after 1000 cycles, 62 times that of one; independent roundings would give sqrt(30) = 5.5",
    metric="root mean square drift, 30 cycles over one",
    bound=h.above(3.0, on="log"),
    null=h.variant(moves="still"),
    plant=h.variant(made="drawn"),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_drift_grows_with_cycles(rlvr, rng, moves="grows", made="trained"):
    """The null merges one adapter thirty times: not the cycles wear the base down but what moves between them."""
    given = adapters(rlvr, None, rng if made == "drawn" else None)
    return drifted(given, "bf16", CYCLES, moves).rms / drifted(given, "bf16").rms


@PAPER.claim(
    "safe-merge-settles",
    says="With peft's safe merge a still adapter changes no weight any more after the second cycle",
    source="arithmetic: the same number is added and subtracted, so the cycle is between two numbers once it is on their grid",
    metric="weights that differ between the second and the thirtieth cycle, in bf16, at a relative norm of .4",
    bound=h.exact(0),
    null=h.variant(safe=False),
    plant=h.variant(size=0.01),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_safe_merge_settles(rlvr, safe=True, size=0.4):
    """The null is peft's default, which adds the update in fp32 and subtracts it in bf16: each cycle adds the difference."""
    given = adapters(rlvr, size)
    twice, often = (drifted(given, "bf16", cycles, safe=safe).after for cycles in (2, CYCLES))
    return int((twice != often).sum())


@PAPER.claim(
    "fp32-stays-within-roundoff",
    says="In fp32 no weight drifts further in thirty cycles than their sixty roundings can take it",
    source="TRL 6688: 3.7e-9 in fp32, flat; arithmetic: two roundings a cycle, each of at most 2^-24 of max(|W|, |W + D|)",
    metric="largest drift over 2 k 2^-24 (max |W| + max |D|)",
    bound=h.below(1.0, on="log"),
    null=(h.variant(dtype="bf16"), h.variant(dtype="fp16")),
    plant=h.variant(cycles=2),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_fp32_stays_within_roundoff(rlvr, dtype="fp32", cycles=CYCLES):
    found = drifted(adapters(rlvr, None), dtype, cycles, "grows")
    room = 2 * cycles * UNIT * (found.before.abs().max() + found.update.abs().max())
    return ((found.after - found.before).abs().max() / room).item()


@PAPER.claim(
    "fp16-drifts-an-eighth",
    says="In fp16 thirty cycles of a growing adapter drift an eighth as far as in bf16, to within a factor of two",
    source="three more bits of mantissa; TRL 6688 has .51 after 1000 cycles, 7.6e-3 to 1.49e-2",
    metric="root mean square drift, fp16 over bf16",
    bound=h.equivalent(*EIGHTH, on="log"),
    null=h.variant(other="fp32"),
    plant=h.variant(made="drawn"),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_fp16_drifts_an_eighth(rlvr, rng, other="fp16", made="trained"):
    given = adapters(rlvr, None, rng if made == "drawn" else None)
    return drifted(given, other, CYCLES, "grows").rms / drifted(given, "bf16", CYCLES, "grows").rms
