"""Fisher merging: a mean weighted by how much each entry matters to each specialist. Does it beat the plain mean?

The paper's weights of whole models, which it may tune besides, are left even.
"""

import harness as h
from suites.task_vectors.known import value
from suites.task_vectors.paper import MERGING, METRIC, OVER_BASE, SHUFFLED
from suites.task_vectors.specialists import Specialists

PAPER = h.Paper("fisher-merging", arxiv="2111.09832", title="Merging Models with Fisher-Weighted Averaging")

NULLS = (SHUFFLED, h.variant(whose="dealt"), h.variant(whose="permuted"))
"""Specialists that know nothing; weights that are another's; weights of the same sizes on any entries."""


def ahead_of_mean(s, rng, whose, against):
    """Value of Fisher merging less that of the mean, or of the base."""
    other = s.value(s.base) if against == "base" else s.best(against)
    return value(s, "fisher", rng, whose) - other


@PAPER.claim(
    "beats-mean",
    says="Weighted by their Fisher diagonals the mean of three RL specialists is a better model than the plain mean",
    source="abstract: better than simple averaging; sheet 3.5: .940, .946, .951 against .923, .935, .975",
    metric=METRIC + "; Fisher merging less mean",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_mean(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", whose="own", against="mean"
):
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    return ahead_of_mean(s, rng, whose, against)


@PAPER.claim(
    "beats-mean-of-sft",
    says="Weighted by their Fisher diagonals the mean of three SFT specialists is a better model than the plain mean",
    source="abstract, whose models are fine-tuned by imitation; sheet 3.5: .921, .894, .948 against .898, .878, .953",
    metric=METRIC + "; Fisher merging less mean",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_mean_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", whose="own", against="mean"
):
    s = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made)
    return ahead_of_mean(s, rng, whose, against)
