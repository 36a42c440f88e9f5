"""A training step of an adapter beside one of full fine-tuning, and what it holds; see tuner_runs."""

import harness as h
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER
from suites.benchmarks.tuner_runs import TUNERS_FAMILY

SHARED = {"expect": {"tiny": "open"}, "family": TUNERS_FAMILY, "nightly": True}


@PAPER.claim(
    "lora-step-over-full",
    says="A training step of LoRA takes at most .95 of one of full fine-tuning, at width 512 and 512 tokens a step",
    source="step 6, speed: what a variant costs; a frozen matrix costs two products of three, so .67 and what A and B cost",
    metric="CPU seconds of a training step with LoRA of rank 8 on all projections, over those of training the projections",
    bound=h.below(0.95, on="log"),
    null=ITSELF,
    no_plant=NO_PLANT,
    **SHARED,
)
def test_lora_step(race, rng, contender="ours"):
    return step_over(race, rng, "lora", "full", contender)


@PAPER.claim(
    "dora-step-over-lora",
    says="A training step of DoRA takes at most twice that of LoRA, at width 512 and 512 tokens a step",
    source="step 6, speed: what a variant costs; bound chosen before measuring: one more product a matrix",
    metric="CPU seconds of a training step with DoRA over those with LoRA, both of rank 8 on all projections",
    bound=h.below(2.0, on="log"),
    no_null="LoRA against itself takes no more than twice its time either: the sentence claims no difference",
    no_plant=NO_PLANT,
    **SHARED,
)
def test_dora_step(race, rng):
    return step_over(race, rng, "dora", "lora", "ours")


@PAPER.claim(
    "lora-moments",
    says="AdamW keeps 2 r (m + n) numbers of LoRA on an m x n matrix, and one counter a factor",
    source="step 6, speed: memory of the optimizer; arithmetic",
    metric="bytes of AdamW's state with LoRA of rank 8 equal the count",
    bound=h.exact(True),
    null=h.variant(tuner="full"),
    no_plant="the count is exact: what is planted would be the count itself",
    expect={"tiny": "supported"},
    family=TUNERS_FAMILY,
)
def test_lora_moments(tuner="lora"):
    from harness.models.power_law import linear
    from suites.benchmarks.tuner_runs import RANK, counted, model, stepping

    shapes = [weight.shape for weight in linear(model(0, width=64, mlp=128)).values()]
    expected = sum(4 * (2 * RANK * (m + n) + 2) for m, n in shapes)
    return counted(stepping(tuner, width=64, mlp=128)).moments == expected


def step_over(race, rng, tuner, other, contender):
    from suites.benchmarks.tuner_runs import stepping

    seed = rng.initial_seed() % 2**31
    own, reference = (stepping(each, seed).step for each in (tuner, other))
    return race(contender, ours=own, reference=reference, rounds=5, agree=None)
