"""Does training four times as long worsen calibration (H2)? A claim for every method."""

import harness as h
from harness.training.adapter_arms_hypelora import LONG, SHORT
from suites.hypelora.bench import SHARPER, Bench
from suites.hypelora.paper import ERROR, LENGTH, OWN_LABELS, PAPER, REPLICATES

SOURCE = "README, finding 4: across all methods; sheet peft_merge 2.2, H2"

SHARPENED = h.variant(longer="sharpened")
"""The model of the first quarter with its logits doubled, in the place of longer training."""


def growth(bench, arm, labels, longer):
    """ECE at the end less ECE after a quarter of the steps."""
    start = bench.error(arm, SHORT, labels)
    return (bench.error(arm, SHORT, labels, SHARPER) if longer == "sharpened" else bench.error(arm, LONG, labels)) - start


@PAPER.claim(
    "longer-training-worsens-full",
    says="Full fine-tuning has a larger calibration error after four times the steps",
    source=SOURCE,
    metric=ERROR,
    bound=h.above(0.0),
    null=OWN_LABELS,
    plant=SHARPENED,
    expect={"tiny": "supported"},
    family=LENGTH,
    seeds=REPLICATES,
    nightly=True,
)
def test_full(hl_full, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_full, labels, longer)


@PAPER.claim(
    "longer-training-worsens-lora",
    says="LoRA has a larger calibration error after four times the steps",
    source=SOURCE,
    metric=ERROR,
    bound=h.above(0.0),
    null=OWN_LABELS,
    plant=SHARPENED,
    expect={"tiny": "supported"},
    family=LENGTH,
    seeds=REPLICATES,
    nightly=True,
)
def test_lora(hl_lora, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_lora, labels, longer)


@PAPER.claim(
    "longer-training-worsens-lora-of-half-the-rank",
    says="LoRA at half the rank has a larger calibration error after four times the steps",
    source=SOURCE,
    metric=ERROR,
    bound=h.above(0.0),
    null=OWN_LABELS,
    plant=SHARPENED,
    expect={"tiny": "supported"},
    family=LENGTH,
    seeds=REPLICATES,
    nightly=True,
)
def test_half(hl_lora_half, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_lora_half, labels, longer)


@PAPER.claim(
    "longer-training-worsens-frozen-a",
    says="LoRA with a frozen A has a larger calibration error after four times the steps",
    source=SOURCE,
    metric=ERROR,
    bound=h.above(0.0),
    null=OWN_LABELS,
    plant=SHARPENED,
    expect={"tiny": "supported"},
    family=LENGTH,
    seeds=REPLICATES,
    nightly=True,
)
def test_frozen_a(hl_frozen_a, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_frozen_a, labels, longer)


@PAPER.claim(
    "longer-training-worsens-frozen-b",
    says="LoRA with a frozen, random B has a larger calibration error after four times the steps",
    source=SOURCE,
    metric=ERROR,
    bound=h.above(0.0),
    null=OWN_LABELS,
    plant=SHARPENED,
    expect={"tiny": "supported"},
    family=LENGTH,
    seeds=REPLICATES,
    nightly=True,
)
def test_frozen_b(hl_frozen_b, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_frozen_b, labels, longer)
