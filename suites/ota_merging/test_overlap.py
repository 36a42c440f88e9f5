"""Do experts of one base share their curvature, entry by entry, and more than the base and the prompts bring by themselves?"""

import harness as h
from suites.ota_merging.overlap import compared, mean_overlap, observed, pairs_of, rank_one_error, untrained
from suites.ota_merging.paper import CURVATURE, PAPER
from suites.task_vectors.specialists import drawn_seed

OVER_CHANCE = 1.5
"""Overlap above which masks are said to overlap: the sheet's (papers, 11), of at most 9."""

TRAINED = 1.1
"""Overlap of two experts over that of an expert with what no training made. The width is ours: masks drawn at random vary by
.0625 of their overlap in a matrix of 4096 entries, a median of fourteen by some .02."""

RANK_ONE = 0.5
"""Relative error of rank-one second moments below which they are called compressed (sheet, papers 11)."""

ONE, MANY = 1, 16
"""Degrees of freedom of the plants: v as one squared gradient shows it, and as sixteen do (relative errors 1.4 and .35)."""

SECOND = {"noisy": ONE, "clearer": MANY}
"""What a plant puts in the place of the second expert's v: the first's, by this many gradients."""

METRIC = "Jaccard of the largest fifth of v over chance, mean of the three pairs of tasks, median matrix"


def moments_of(models, experts, read, rng, second="own"):
    """Pairs of experts' v as compared; `second` may put the first's, as few gradients show it, in the place of the second's."""
    known = [models.second_moments(each) for each in experts]
    pairs = pairs_of(known)
    if second in SECOND:
        pairs = [(a, observed(a, SECOND[second], rng)) for a, _ in pairs]
    return [(compared(a, read, rng), compared(b, read, rng)) for a, b in pairs]


@PAPER.claim(
    "curvature-overlaps",
    says="The largest fifth of v of SFT experts of different tasks sits in the same entries over 1.5 times as often as chance",
    source="abstract: substantial curvature overlap between checkpoints (SFT, by capability); threshold of sheet papers, 11",
    metric=METRIC,
    bound=h.above(OVER_CHANCE, on="log"),
    null=h.variant(read="permuted"),
    plant=h.variant(second="noisy"),
    expect={"tiny": "supported"},
    family=CURVATURE,
    nightly=True,
)
def test_curvature_overlaps(sft_addition, sft_sorting, sft_reversal, models, rng, read="whole", second="own"):
    return mean_overlap(moments_of(models, (sft_addition, sft_sorting, sft_reversal), read, rng, second))


@PAPER.claim(
    "curvature-overlaps-of-rl",
    says="The largest fifth of v of RL experts of different tasks sits in the same entries over 1.5 times as often as chance",
    source="the same sentence of RL's experts, which the paper has none of",
    metric=METRIC,
    bound=h.above(OVER_CHANCE, on="log"),
    null=h.variant(read="permuted"),
    plant=h.variant(second="noisy"),
    expect={"tiny": "supported"},
    family=CURVATURE,
    nightly=True,
)
def test_curvature_overlaps_of_rl(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, read="whole", second="own"):
    return mean_overlap(moments_of(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), read, rng, second))


@PAPER.claim(
    "entries-overlap-beyond-levels",
    says="Divided by what levels of rows and columns explain, v of SFT experts overlaps over 1.5 times as often as chance",
    source="ours: whether the overlap is of entries, or of which rows and columns see large inputs and signals",
    metric=METRIC + "; v over its rank-one form",
    bound=h.above(OVER_CHANCE, on="log"),
    null=h.variant(read="permuted"),
    plant=h.variant(second="noisy"),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_entries_overlap(sft_addition, sft_sorting, sft_reversal, models, rng, read="entries", second="own"):
    """The plant is the weaker for the noise, which has no levels: what is left of v may be less than it."""
    return mean_overlap(moments_of(models, (sft_addition, sft_sorting, sft_reversal), read, rng, second))


@PAPER.claim(
    "overlap-is-more-than-the-base",
    says="v of two SFT experts overlaps over 1.1 times as much as v of one with squared gradients of wrong answers on the base",
    source="ours: experts of one base on prompts of one format share inputs and weights before they learn anything",
    metric="overlap of two experts over that of an expert and the untrained base on another's prompts, answers dealt out anew",
    bound=h.above(TRAINED, on="log"),
    null=h.variant(second="base"),
    plant=h.variant(second="clearer"),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
    version=2,
    why="version 1 had a plant of one squared gradient, far noisier than the 150 that make up v: it read 1.12 on seeds 0-4 and "
    "was not told from the bound, where the claim itself read 1.03 (.95-1.13). Sixteen now; bound and null are as they were",
)
def test_overlap_is_more_than_the_base(sft_addition, sft_sorting, sft_reversal, models, rng, second="own"):
    """The null is one draw of the base over another."""
    experts = (sft_addition, sft_sorting, sft_reversal)
    base, tasks = models.base(experts[0]), [each.graded for each in experts]

    def with_base():
        own = [compared(models.second_moments(each), "whole", rng) for each in experts]
        bare = [compared(untrained(base, task, drawn_seed(rng)), "whole", rng) for task in tasks]
        return mean_overlap([(a, b) for i, a in enumerate(own) for j, b in enumerate(bare) if i != j])

    found = with_base() if second == "base" else mean_overlap(moments_of(models, experts, "whole", rng, second))
    beside = with_base()
    return {name: value / beside[name] for name, value in found.items()}


@PAPER.claim(
    "rank-one-holds-second-moments",
    says="Row and column sums reproduce v of SFT experts to a relative error below .5",
    source="memory-light second moments as quoted; threshold of the sheet (papers, 11), which measured .27 where v is rank one "
    "times exp(.3 noise)",
    metric="|v - rank-one form| / |v|, mean of the three experts, median matrix",
    bound=h.below(RANK_ONE, on="log"),
    null=h.variant(read="permuted"),
    plant=h.variant(read="levels"),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_rank_one_holds(sft_addition, sft_sorting, sft_reversal, models, rng, read="whole"):
    return errors(models, (sft_addition, sft_sorting, sft_reversal), rng, read)


@PAPER.claim(
    "rank-one-holds-second-moments-of-rl",
    says="Row and column sums reproduce v of RL experts to a relative error below .5",
    source="the same sentence of RL's experts",
    metric="|v - rank-one form| / |v|, mean of the three experts, median matrix",
    bound=h.below(RANK_ONE, on="log"),
    null=h.variant(read="permuted"),
    plant=h.variant(read="levels"),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_rank_one_holds_of_rl(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, read="whole"):
    return errors(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, read)


def errors(models, experts, rng, read):
    """Mean error of the rank-one form; `levels` reads that form itself as sixteen gradients would show it."""
    from harness.merging.ota import compressed

    def one(expert):
        v = compared(models.second_moments(expert), "permuted" if read == "permuted" else "whole", rng)
        if read == "levels":
            v = observed({name: compressed(each) for name, each in v.items()}, MANY, rng)
        return rank_one_error(v)

    found = [one(each) for each in experts]
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}
