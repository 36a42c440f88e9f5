"""RegMean: linear layers whose outputs are nearest to every specialist's on its own inputs. Better than mean, than Fisher?"""

import harness as h
from suites.task_vectors.known import value
from suites.task_vectors.paper import MERGING, METRIC, OVER_BASE, SHUFFLED
from suites.task_vectors.specialists import Specialists

PAPER = h.Paper("regmean", arxiv="2212.09849", title="Dataless Knowledge Fusion by Merging Weights of Language Models")

NULLS = (SHUFFLED, h.variant(whose="dealt"))
"""Specialists that know nothing; inputs that are another's."""


def ahead(s, rng, whose, against):
    """Value of RegMean less that of the mean, of Fisher merging, or of the base."""
    if against == "base":
        other = s.value(s.base)
    else:
        other = value(s, "fisher", rng) if against == "fisher" else s.best(against)
    return value(s, "regmean", rng, whose) - other


@PAPER.claim(
    "beats-mean",
    says="RegMean merges three RL specialists into a better model than the mean",
    source="as quoted: T5-large 69.1, 74.3 against 56.4, 60.5; sheet 3.5: .955, .956, .959 against .923, .935, .975",
    metric=METRIC + "; RegMean less mean",
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
    return ahead(Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made), rng, whose, against)


@PAPER.claim(
    "beats-mean-of-sft",
    says="RegMean merges three SFT specialists into a better model than the mean",
    source="as quoted: T5-large 69.1, 74.3 against 56.4, 60.5; sheet 3.5: .927, .894, .950 against .898, .878, .953",
    metric=METRIC + "; RegMean less mean",
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
    return ahead(Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made), rng, whose, against)


@PAPER.claim(
    "beats-fisher-of-sft",
    says="RegMean merges three SFT specialists into a better model than Fisher merging",
    source="abstract: significantly outperforms Fisher-weighted averaging; sheet 3.5: .927, .894, .950 against .921, .894, "
    ".948",
    metric=METRIC + "; RegMean less Fisher merging",
    bound=h.above(0.0),
    null=NULLS,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_beats_fisher_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", whose="own", against="fisher"
):
    return ahead(Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made), rng, whose, against)
