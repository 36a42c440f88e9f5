"""OTA: a mean weighted by Adam's second moments. Does it beat the plain mean, and is it the weights or the masks?"""

import harness as h
from suites.ota_merging.grafts import seen
from suites.ota_merging.paper import DENSITY, MERGING, PAPER
from suites.task_vectors.specialists import Specialists

METRIC = "success over the specialist's own, mean of the three tasks, held-out problems"


def value(models, experts, rng, weights="fisher", **options):
    """Value of OTA with what is left of its second moments; of the mean or the base by their names."""
    s = Specialists(models, experts, rng)
    if weights == "base":
        return s.value(s.base)
    if weights == "mean":
        return s.best("mean")
    return s.value(s.merged("ota", [seen(models.second_moments(each), weights, rng) for each in experts], **options))


@PAPER.claim(
    "ota-beats-mean",
    says="Weighted by second moments the mean of three RL specialists is a better model than the plain mean",
    source="OTA as quoted; sheet 3.5: .958, .949, .979 against .923, .935, .975",
    metric=METRIC + "; OTA less mean",
    bound=h.above(0.0),
    null=h.variant(weights="permuted"),
    plant=h.variant(against="base"),
    expect={"tiny": "supported"},
    family=MERGING,
    nightly=True,
)
def test_ota_beats_mean(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, weights="fisher", against="mean"):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return value(models, experts, rng, weights) - value(models, experts, rng, against)


@PAPER.claim(
    "ota-beats-mean-of-sft",
    says="Weighted by second moments the mean of three SFT specialists is a better model than the plain mean",
    source="OTA as quoted, whose experts are SFT; sheet 3.5: .918, .902, .951 against .898, .878, .953",
    metric=METRIC + "; OTA less mean",
    bound=h.above(0.0),
    null=h.variant(weights="permuted"),
    plant=h.variant(against="base"),
    expect={"tiny": "supported"},
    family=MERGING,
    nightly=True,
)
def test_ota_beats_mean_of_sft(sft_addition, sft_sorting, sft_reversal, models, rng, weights="fisher", against="mean"):
    experts = (sft_addition, sft_sorting, sft_reversal)
    return value(models, experts, rng, weights) - value(models, experts, rng, against)


@PAPER.claim(
    "ota-beats-tuned-sum",
    says="OTA, which has no factor, merges RL specialists into a better model than tuned task arithmetic",
    source="sheet 3.5: .958, .949, .979 against .951, .950, .974: no difference",
    metric=METRIC + "; OTA less tuned task arithmetic",
    bound=h.above(0.0),
    null=h.variant(weights="permuted"),
    plant=h.variant(against="base"),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_ota_beats_tuned_sum(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, weights="fisher", against="sum"):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    if against == "base":
        return value(models, experts, rng, weights) - value(models, experts, rng, against)
    return value(models, experts, rng, weights) - Specialists(models, experts, rng).best("task-arithmetic")


@PAPER.claim(
    "grafting-adds-to-ota",
    says="OTA of specialists cut down by FFG to a density of .4 is a better model than OTA of whole ones",
    source="FFG as quoted: carries the gain (reviews); sheet 3.5: .965, .941, .976 against .958, .949, .979",
    metric=METRIC + "; OTA with FFG less OTA",
    bound=h.above(0.0),
    null=h.variant(weights="permuted"),
    plant=h.variant(against="base"),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_grafting_adds(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, weights="fisher", against="fisher"):
    """The null cuts by permuted second moments, and weighs by them."""
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    return value(models, experts, rng, weights, mask=DENSITY) - value(models, experts, rng, against)


@PAPER.claim(
    "weights-add-to-grafting",
    says="Of specialists cut down by FFG a mean weighted by second moments is a better model than an even one",
    source="reviews as quoted: FFG, not the OTA weighting, carries the gain; power 0 leaves the masks and takes the weights",
    metric=METRIC + "; OTA with FFG less the mean of what FFG left",
    bound=h.above(0.0),
    null=h.variant(weights="permuted"),
    plant=h.variant(against="base"),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_weights_add(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, weights="fisher", against="even"):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    if against == "even":
        other = value(models, experts, rng, mask=DENSITY, power=0.0)
    else:
        other = value(models, experts, rng, against)
    return value(models, experts, rng, weights, mask=DENSITY) - other
