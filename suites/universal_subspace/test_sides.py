"""Do adapters share a side? Of their factors, where one seed drew them all, and of the matrices that they stand for."""

import harness as h
from suites.universal_subspace.paper import MOST, PAPER, SUBSPACE
from suites.universal_subspace.shares import factor_share, side_excess, side_share

CRITIQUE = "'A Shared Seed, Not a Universal Subspace' (draft), as the sheet peft_merge 4.3 - 4.5 quotes and measured it"
ITSELF = h.null("swap", must="refuted", affine_shared="affine_own")
"""Own seeds beside themselves."""


@PAPER.claim(
    "shared-seed-makes-the-input-side",
    says="4 directions hold over .3 more of the rows of A where one seed drew the first A of all than where each had its own",
    source=CRITIQUE + ", U1: .86 to .90 against .02 to .05",
    metric="share of variance of the 200 rows of A in 4 directions, shared less own seeds, mean over matrices",
    bound=h.above(0.3),
    within="mean",
    null=ITSELF,
    plant=h.variant(step=0),
    expect={"tiny": "supported"},
    family=SUBSPACE,
    nightly=True,
)
def test_shared_seed_makes_the_input_side(affine_shared, affine_own, step=-1):
    """The plant reads A before the first step: with one seed there are four different rows."""
    return factor_share(affine_shared, "a", step) - factor_share(affine_own, "a", step)


@PAPER.claim(
    "without-its-start-a-shared-seed-shares-less",
    says="With the first A taken off, one seed for all adds less than .3 to what 4 directions hold of the rows of A",
    source="the sheet's rule of any such test: subtract A_init (peft_merge 4.5)",
    metric="share of variance of the 200 rows of A - A0 in 4 directions, shared less own seeds, mean over matrices",
    bound=h.below(0.3),
    within="mean",
    null=h.null("variant", must="refuted", less_start=False),
    plant=h.swap(affine_shared="affine_own"),
    expect={"tiny": "open"},
    family=SUBSPACE,
    nightly=True,
)
def test_without_its_start(affine_shared, affine_own, less_start=True):
    return factor_share(affine_shared, "a", less_start=less_start) - factor_share(affine_own, "a", less_start=less_start)


@PAPER.claim(
    "own-seeds-share-no-input-side",
    says="With own seeds 4 directions hold of the input sides what they hold of random ones of their strength, within .2",
    source=CRITIQUE + ", U2",
    metric="share of energy of the input side in 4 directions, less that of the strength-matched null, mean over matrices",
    bound=h.equivalent(-0.2, 0.2),
    within="mean",
    null=h.swap(affine_own="affine_shared"),
    plant=h.variant(made="matched"),
    expect={"tiny": "supported"},
    family=SUBSPACE,
    nightly=True,
)
def test_own_seeds_share_no_input_side(affine_own, rng, made="trained"):
    return side_excess(affine_own, "input", rng, made)


@PAPER.claim(
    "own-seeds-share-the-output-side",
    says="With own seeds 4 directions hold over .2 more of the adapters' output sides than of random ones of their strength",
    source=CRITIQUE + ", U2",
    metric="share of energy of the output side in 4 directions, less that of the strength-matched null, mean over matrices",
    bound=h.above(0.2),
    within="mean",
    null=h.null("variant", must="refuted", made="matched"),
    plant=h.variant(made="one_output"),
    expect={"tiny": "supported"},
    family=SUBSPACE,
    nightly=True,
)
def test_own_seeds_share_the_output_side(affine_own, rng, made="trained"):
    return side_excess(affine_own, "output", rng, made)


@PAPER.claim(
    "few-directions-hold-both-sides",
    says="As many directions as one adapter has rank hold over nine tenths of both sides of fifty adapters with own seeds",
    source="as quoted: 16 directions a layer hold 90 to 95 %; scaled to the rank, see the paper module",
    metric="share of energy of the side that 4 directions hold less of, mean over matrices",
    bound=h.above(MOST),
    null=h.null("variant", must="refuted", made="matched"),
    plant=h.variant(made="one_frame"),
    expect={"tiny": "refuted"},
    family=SUBSPACE,
    nightly=True,
)
def test_few_directions_hold_both_sides(affine_own, rng, made="trained"):
    means = []
    for axis in ("input", "output"):
        shares = side_share(affine_own, axis, rng, made)
        means.append(sum(shares.values()) / len(shares))
    return min(means)
