"""Does freezing A lower the calibration error of LoRA (H1), what else would, and what does it cost?"""

import harness as h
from harness.training.adapter_arms_hypelora import LONG, SHORT
from suites.hypelora.bench import Bench, frozen_less_trained
from suites.hypelora.paper import ACCURACY, CONTRASTS, COST, ERROR, FREEZING, OWN_LABELS, PAPER, REPLICATES

HALF = h.swap(hl_frozen_a="hl_lora_half")
"""LoRA at half the rank in the place of a frozen A: as few parameters train, to 3 %."""

TWIN = h.swap(hl_frozen_a="hl_lora_twin")
"""LoRA with the pool in another order."""

TEMPERED = h.variant(made="tempered")
"""LoRA itself with its logits over the temperature that is best on other training problems (Guo 1706.04599)."""


@PAPER.claim(
    "frozen-a-lowers-ece",
    says="LoRA with a frozen A has a lower calibration error than LoRA of its rank, where both have trained as long as tuned",
    source="abstract and README, finding 3 (there B is a hypernetwork's); sheet peft_merge 2.2, H1",
    metric=ERROR,
    bound=h.below(0.0),
    null=(HALF, OWN_LABELS),
    plant=TEMPERED,
    floor=TWIN,
    expect={"tiny": "open"},
    family=FREEZING,
    seeds=REPLICATES,
    nightly=True,
)
def test_frozen_a(hl_frozen_a, hl_lora, models, rng, labels="told", made="trained"):
    return frozen_less_trained(Bench(models, rng), hl_frozen_a, hl_lora, SHORT, labels, made)


@PAPER.claim(
    "frozen-a-lowers-ece-of-long-training",
    says="LoRA with a frozen A has a lower calibration error than LoRA of its rank after four times the steps",
    source="abstract and README, finding 3; sheet peft_merge 2.2, H1, whose check is of a pool learned by heart",
    metric=ERROR,
    bound=h.below(0.0),
    null=(HALF, OWN_LABELS),
    plant=TEMPERED,
    floor=TWIN,
    expect={"tiny": "supported"},
    family=FREEZING,
    seeds=REPLICATES,
    nightly=True,
)
def test_frozen_a_of_long_training(hl_frozen_a, hl_lora, models, rng, labels="told", made="trained"):
    return frozen_less_trained(Bench(models, rng), hl_frozen_a, hl_lora, LONG, labels, made)


@PAPER.claim(
    "frozen-a-beats-as-few-parameters",
    says="LoRA with a frozen A has a lower calibration error than LoRA at half its rank after four times the steps",
    source="the control of H1, as a contrast: is it which numbers train, or how many?",
    metric=ERROR,
    bound=h.below(0.0),
    null=(h.swap(hl_frozen_a="hl_lora"), OWN_LABELS),
    plant=TEMPERED,
    expect={"tiny": "open"},
    family=CONTRASTS,
    seeds=REPLICATES,
    nightly=True,
)
def test_as_few_parameters(hl_frozen_a, hl_lora_half, models, rng, labels="told", made="trained"):
    """The null is LoRA at the whole rank beside half of it."""
    return frozen_less_trained(Bench(models, rng), hl_frozen_a, hl_lora_half, LONG, labels, made)


@PAPER.claim(
    "frozen-b-lowers-ece",
    says="LoRA with a frozen, random B has a lower calibration error than LoRA of its rank after four times the steps",
    source="sheet peft_merge 2.2, the check's fourth column: is it A that matters?",
    metric=ERROR,
    bound=h.below(0.0),
    null=(h.swap(hl_frozen_b="hl_lora_half"), OWN_LABELS),
    plant=TEMPERED,
    expect={"tiny": "open"},
    family=CONTRASTS,
    seeds=REPLICATES,
    nightly=True,
)
def test_frozen_b(hl_frozen_b, hl_lora, models, rng, labels="told", made="trained"):
    return frozen_less_trained(Bench(models, rng), hl_frozen_b, hl_lora, LONG, labels, made)


@PAPER.claim(
    "frozen-a-lowers-ece-at-equal-fit",
    says="LoRA with a frozen A has a lower calibration error than LoRA where both have fitted the training labels as far",
    source="papers.md 24: what a difference comes of is the confound; here, of having learned less by heart",
    metric=ERROR,
    bound=h.below(0.0),
    null=TWIN,
    plant=h.variant(at_end=False),
    expect={"tiny": "open"},
    family=CONTRASTS,
    seeds=REPLICATES,
    nightly=True,
)
def test_equal_fit(hl_frozen_a, hl_lora, models, rng, at_end=True):
    """At the training loss where the one that fits less ends. The plant is frozen A where its loss was twice that."""
    bench = Bench(models, rng)
    fit = max(bench.fit(hl_frozen_a, LONG), bench.fit(hl_lora, LONG))
    return bench.error_at_fit(hl_frozen_a, fit if at_end else 2 * fit) - bench.error_at_fit(hl_lora, fit)


@PAPER.claim(
    "frozen-a-costs-accuracy",
    says="Freezing A costs LoRA at least two points of accuracy after four times the steps",
    source="README, finding 3: a consistent drop, 2 to 3 points as quoted; sheet peft_merge 2.2: none in its check",
    metric="accuracy of LoRA less that with a frozen A, held-out labels as told",
    bound=h.above(COST),
    null=TWIN,
    plant=h.variant(shuffled=True),
    expect={"tiny": "refuted"},
    family=ACCURACY,
    seeds=REPLICATES,
    nightly=True,
)
def test_cost(hl_frozen_a, hl_lora, models, rng, shuffled=False):
    bench = Bench(models, rng)
    return bench.accuracy(hl_lora, LONG) - bench.accuracy(hl_frozen_a, LONG, shuffled)
