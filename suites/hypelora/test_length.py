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


def worsens(method, who):
    """Declare that a method's calibration error is larger after four times the steps."""
    return PAPER.claim(
        f"longer-training-worsens-{method}",
        says=f"{who} has a larger calibration error after four times the steps",
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


@worsens("full", "Full fine-tuning")
def test_full(hl_full, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_full, labels, longer)


@worsens("lora", "LoRA")
def test_lora(hl_lora, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_lora, labels, longer)


@worsens("lora-of-half-the-rank", "LoRA at half the rank")
def test_half(hl_lora_half, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_lora_half, labels, longer)


@worsens("frozen-a", "LoRA with a frozen A")
def test_frozen_a(hl_frozen_a, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_frozen_a, labels, longer)


@worsens("frozen-b", "LoRA with a frozen, random B")
def test_frozen_b(hl_frozen_b, models, rng, labels="told", longer="trained"):
    return growth(Bench(models, rng), hl_frozen_b, labels, longer)
