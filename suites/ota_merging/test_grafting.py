"""FFG on single experts: do second moments tell which entries of an update matter, and what in them does?"""

import harness as h
from suites.ota_merging.grafts import graft
from suites.ota_merging.paper import GRAFTING, LOSS, PAPER
from suites.task_vectors.specialists import Specialists

METRIC = "success of the grafted specialist over its own, mean of the three tasks"


def retained(models, experts, rng, by, density):
    """What is left of each specialist by one score, mean of the three."""
    s = Specialists(models, experts, rng)
    moments = [models.second_moments(each) for each in experts]
    return s.retained([graft(s.base, w, v, by, density, rng) for w, v in zip(s.states, moments, strict=True)])


@PAPER.claim(
    "fisher-mask-beats-magnitude",
    says="At a density of .2 entries chosen by v tau^2 keep more of an RL specialist than the largest entries",
    source="FFG as quoted; sheet M1: 11 of 11, margins .014 - .20",
    metric=METRIC + ", FFG less magnitude",
    bound=h.above(0.0),
    null=(h.variant(by="random"), h.variant(by="permuted")),
    plant=h.variant(against="random"),
    expect={"tiny": "supported"},
    family=GRAFTING,
    nightly=True,
)
def test_fisher_mask_beats_magnitude(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, by="fisher", against="magnitude", density=0.2
):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return retained(models, experts, rng, by, density) - retained(models, experts, rng, against, density)


@PAPER.claim(
    "fisher-mask-beats-magnitude-at-a-tenth",
    says="At a density of .1 entries chosen by v tau^2 keep more of an RL specialist than the largest entries",
    source="FFG as quoted; sheet M1, and d = .1",
    metric=METRIC + ", FFG less magnitude",
    bound=h.above(0.0),
    null=(h.variant(by="random"), h.variant(by="permuted")),
    plant=h.variant(against="random"),
    expect={"tiny": "supported"},
    family=GRAFTING,
    nightly=True,
)
def test_fisher_mask_beats_magnitude_at_a_tenth(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, by="fisher", against="magnitude", density=0.1
):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return retained(models, experts, rng, by, density) - retained(models, experts, rng, against, density)


@PAPER.claim(
    "fisher-mask-beats-magnitude-of-sft",
    says="At a density of .2 entries chosen by v tau^2 keep more of an SFT specialist than the largest entries",
    source="FFG as quoted (its experts are SFT); sheet M1: 11 of 11, margins .014 - .20",
    metric=METRIC + ", FFG less magnitude",
    bound=h.above(0.0),
    null=(h.variant(by="random"), h.variant(by="permuted")),
    plant=h.variant(against="random"),
    expect={"tiny": "supported"},
    family=GRAFTING,
    nightly=True,
)
def test_fisher_mask_beats_magnitude_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, by="fisher", against="magnitude", density=0.2
):
    experts = (sft_addition, sft_sorting, sft_reversal)
    return retained(models, experts, rng, by, density) - retained(models, experts, rng, against, density)


@PAPER.claim(
    "entries-matter-not-levels",
    says="At a density of .2 v tau^2 keeps more of an RL specialist than tau^2 times the mean of v over each parameter",
    source="ours: whether FFG finds entries, or only shares the density among parameters in another way than magnitude",
    metric=METRIC + ", FFG less FFG with v levelled",
    bound=h.above(0.0),
    null=h.variant(by="permuted"),
    plant=h.variant(against="random"),
    expect={"tiny": "open"},
    family=GRAFTING,
    nightly=True,
)
def test_entries_matter(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, by="fisher", against="level", density=0.2):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return retained(models, experts, rng, by, density) - retained(models, experts, rng, against, density)


@PAPER.claim(
    "rank-one-keeps-the-gain",
    says="Second moments compressed to their row and column sums choose entries that keep at most .02 less of an RL specialist",
    source="compressed second moments as quoted (AdaFactor's form)",
    metric=METRIC + " at a density of .2, rank one less whole v",
    bound=h.above(-LOSS),
    null=(h.variant(by="random"), h.variant(by="magnitude")),
    plant=h.variant(by="fisher"),
    expect={"tiny": "open"},
    family=GRAFTING,
    nightly=True,
)
def test_rank_one_keeps_the_gain(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, by="rank-one", density=0.2):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return retained(models, experts, rng, by, density) - retained(models, experts, rng, "fisher", density)
