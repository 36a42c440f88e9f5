"""Is LoRA as well calibrated as full fine-tuning, each at its own rate?"""

import harness as h
from harness.training.adapter_arms_hypelora import LONG, SHORT
from suites.hypelora.bench import SHARPER, Bench
from suites.hypelora.paper import ERROR, PAPER, PAR, PARITY, REPLICATES

ITSELF = h.variant(against="itself")
"""LoRA beside LoRA whose logits are 5 % softer."""

SHARPENED = h.variant(temperature=SHARPER)
"""LoRA with its logits doubled."""


def difference(bench, lora, full, after, against, temperature):
    """ECE of LoRA less ECE of full fine-tuning."""
    other = bench.error(lora, after, temperature=1.05) if against == "itself" else bench.error(full, after)
    return bench.error(lora, after, temperature=temperature) - other


@PAPER.claim(
    "lora-equals-full",
    says="The calibration errors of LoRA and of full fine-tuning lie within .02, where both have trained as long as tuned",
    source="abstract and README, finding 1: calibration parity; papers.md 24: within .02",
    metric=ERROR,
    bound=h.equivalent(-PAR, PAR),
    null=SHARPENED,
    plant=ITSELF,
    expect={"tiny": "open"},
    family=PARITY,
    seeds=REPLICATES,
    nightly=True,
)
def test_parity(hl_lora, hl_full, models, rng, against="full", temperature=1.0):
    return difference(Bench(models, rng), hl_lora, hl_full, SHORT, against, temperature)


@PAPER.claim(
    "lora-equals-full-of-long-training",
    says="The calibration errors of LoRA and of full fine-tuning lie within .02 after four times the steps",
    source="abstract and README, finding 1; sheet peft_merge 2.2: .24 or .29, by the adapter's draw, and .27",
    metric=ERROR,
    bound=h.equivalent(-PAR, PAR),
    null=SHARPENED,
    plant=ITSELF,
    expect={"tiny": "open"},
    family=PARITY,
    seeds=REPLICATES,
    nightly=True,
)
def test_parity_of_long_training(hl_lora, hl_full, models, rng, against="full", temperature=1.0):
    return difference(Bench(models, rng), hl_lora, hl_full, LONG, against, temperature)


@PAPER.claim(
    "lora-is-no-worse-than-full",
    says="LoRA's calibration error is less than .02 above that of full fine-tuning after four times the steps",
    source="abstract: parity with, and in specific tasks better than, full fine-tuning",
    metric=ERROR,
    bound=h.below(PAR),
    null=h.variant(against="itself", temperature=SHARPER),
    plant=ITSELF,
    expect={"tiny": "supported"},
    family=PARITY,
    seeds=REPLICATES,
    nightly=True,
)
def test_no_worse(hl_lora, hl_full, models, rng, against="full", temperature=1.0):
    """The null is LoRA with doubled logits beside itself: full fine-tuning may be as sharp as that."""
    return difference(Bench(models, rng), hl_lora, hl_full, LONG, against, temperature)
