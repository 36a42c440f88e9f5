"""KnOTS: TIES in the experts' common basis. Better than TIES on the entries themselves, and is it that basis that helps?

The paper merges LoRA updates; full ones are said to be aligned already. Specialists cut to a few triplets stand in for LoRA's.
"""

import harness as h
from suites.task_vectors.paper import MERGING, METRIC, OVER_BASE, SHUFFLED, ahead
from suites.task_vectors.specialists import GRIDS, Specialists, low_rank
from suites.task_vectors.turned import best_in_random_bases

PAPER = h.Paper("knots", arxiv="2410.19735", title="Model merging with SVD to tie the Knots")

LORA = 1 / 16
"""Share of the triplets that is kept: rank 4 where the smaller side is 64."""

NULLS = (SHUFFLED, h.variant(basis="random"))
"""Specialists that know nothing; a basis that knows nothing of them."""


def ahead_of_ties(s, rng, basis, against):
    """Value of KnOTS, or of TIES in random bases, less that of TIES or of the base; all tuned."""
    if basis == "own":
        return ahead(s, "knots", against)
    return best_in_random_bases(s, rng, GRIDS["knots"]) - s.best(against)


@PAPER.claim(
    "beats-ties",
    says="In their common basis TIES merges three RL specialists into a better model than entry by entry",
    source="as quoted, of LoRA: KnOTS-TIES 68.0, 78.2 against 63.7, 75.2; sheet 3.5: KnOTS .962, .972, .981",
    metric=METRIC + "; KnOTS less TIES, both tuned",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_ties(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", basis="own", against="ties"
):
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    return ahead_of_ties(s, rng, basis, against)


@PAPER.claim(
    "beats-ties-of-sft",
    says="In their common basis TIES merges three SFT specialists into a better model than entry by entry",
    source="as quoted, of LoRA: KnOTS-TIES 68.0, 78.2 against 63.7, 75.2; sheet 3.5: KnOTS .926, .942, .969",
    metric=METRIC + "; KnOTS less TIES, both tuned",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_ties_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", basis="own", against="ties"
):
    s = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made)
    return ahead_of_ties(s, rng, basis, against)


@PAPER.claim(
    "beats-ties-at-low-rank",
    says="Of SFT specialists cut to a sixteenth of their triplets TIES in the common basis makes a better model than entry by "
    "entry",
    source="as quoted, of LoRA: KnOTS-TIES 68.0, 78.2 against 63.7, 75.2",
    metric=METRIC + "; KnOTS less TIES of the cut, both tuned",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_ties_at_low_rank(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", basis="own", against="ties"
):
    s = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made)
    return ahead_of_ties(s.with_states([low_rank(s.base, each, LORA) for each in s.states]), rng, basis, against)
