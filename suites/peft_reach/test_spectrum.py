"""Do isospectral tuners keep the spectrum, and does a gradient projection keep an update off the leading directions?"""

import harness as h
from suites.peft_reach.bench import leak, residuals
from suites.peft_reach.paper import CLASSES, ISOSPECTRAL, KEPT, LEAKS, NEARLY_HIGH, NEARLY_LOW, PAPER, PROJECTED, SPECTRUM

RESID = "|sigma(W1) - sigma(W0)| / |W1 - W0|, mean over matrices, after 25 AdamW steps"
LEAK = "energy of the update in the leading r directions, mean of both sides, after 25 steps"


@PAPER.claim(
    "isospectral-tuners-keep-the-spectrum",
    says="OFT (exact Cayley), HRA, PSOFT without magnitudes and BOFT with its scale frozen keep every singular value",
    source="their constructions; sheet peft_merge P1: 3e-8 to 1.7e-7, LoRA .34",
    metric=RESID,
    bound=h.below(KEPT),
    within="max",
    null=(h.null("variant", must="refuted", tuners="lora"), h.null("variant", must="refuted", tuners="oft_neumann")),
    no_plant="an identity up to rounding: every draw must satisfy it",
    expect={"tiny": "supported"},
    family=SPECTRUM,
)
def test_isospectral(rng, tuners=ISOSPECTRAL):
    """Nulls: a free update, and a rotation by a series of five terms."""
    return residuals(rng, tuners)


@PAPER.claim(
    "default-oft-is-nearly-orthogonal",
    says="OFT as peft builds it by default, with the Neumann series, keeps the spectrum only nearly: resid of .001 to .1",
    source="peft 0.21, OFTConfig.use_cayley_neumann; sheet peft_merge trap 3 and P1's control: .026",
    metric=RESID,
    bound=h.equivalent(NEARLY_LOW, NEARLY_HIGH),
    within="max",
    null=h.null("variant", must="refuted", tuners="oft"),
    no_plant="there is no other rotation by a series among the tuners",
    expect={"tiny": "supported"},
    family=CLASSES,
    nightly=True,
)
def test_neumann(rng, tuners="oft_neumann"):
    return residuals(rng, tuners)


@PAPER.claim(
    "osf-under-sgd-is-off-principal",
    says="Under SGD the update of OSF has no energy in the leading r directions",
    source="2504.07097 (in peft as OSF); sheet peft_merge P3: 8e-13",
    metric=LEAK,
    bound=h.below(PROJECTED),
    null=h.null("variant", must="refuted", optimizer="adamw"),
    no_plant="an identity up to rounding: every draw must satisfy it",
    expect={"tiny": "supported"},
    family=SPECTRUM,
)
def test_osf_sgd(rng, optimizer="sgd"):
    return leak(rng, optimizer)


@PAPER.claim(
    "adam-breaks-the-projection",
    says="AdamW puts over a thousandth of OSF's update into the directions that its gradients were projected off",
    source="sheet peft_merge P3: 9e-3; Adam rescales every entry after the projection",
    metric=LEAK,
    bound=h.above(LEAKS),
    null=h.null("variant", must="refuted", optimizer="sgd"),
    plant=h.variant(tuner="lora"),
    expect={"tiny": "supported"},
    family=SPECTRUM,
)
def test_osf_adam(rng, optimizer="adamw", tuner="osf"):
    """The plant has never heard of a projection."""
    return leak(rng, optimizer, tuner)
