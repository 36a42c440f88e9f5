"""Settings of peft that do not do what their names say: as claims, so that a version that changes one is seen."""

import harness as h
from suites.peft_reach.adapters import merged, shared_factors, weighted
from suites.peft_reach.bench import off_starts
from suites.peft_reach.paper import EXACT_MEAN, NO_MEAN, NOT_THE_SAME, PAPER, TRAPS


@PAPER.claim(
    "qalora-is-plain-lora",
    says="Off GPTQ, use_qalora=True trains plain LoRA, bit for bit",
    source="peft 0.21; sheet peft_merge trap 1",
    metric="merged matrices equal in every bit after 5 AdamW steps",
    bound=h.exact(True),
    null=h.variant(tuner="rslora"),
    no_plant="an identity is checked, not detected",
    expect={"tiny": "supported"},
    family=TRAPS,
)
def test_qalora(rng, tuner="qalora"):
    """The null differs in one factor, the scaling."""
    import torch

    mine, plain = merged(rng, tuner, "lora")
    return all(torch.equal(mine[name], plain[name]) for name in plain)


@PAPER.claim(
    "five-starts-are-not-the-identity",
    says="KaSA, HRA (apply_GS), C3A, FourierFT and LoRA with init False change the model before a step: a logit by over .01",
    source="peft 0.21; sheet peft_merge trap 2: .22, .90, .10, .94, .83",
    metric="largest difference of a logit from the bare model's, the smallest of the five",
    bound=h.above(NOT_THE_SAME),
    within="min",
    null=(h.null("variant", must="refuted", tuners="lora"), h.null("variant", must="refuted", tuners="hra pissa")),
    no_plant="each of the five is one",
    expect={"tiny": "supported"},
    family=TRAPS,
)
def test_not_the_identity(rng, tuners="kasa hra_gs c3a fourierft lora_init_false"):
    """Nulls: the same tuners' twins that start as the base."""
    return off_starts(rng, tuners)


@PAPER.claim(
    "linear-is-not-the-mean",
    says="add_weighted_adapter(combination_type='linear') of three adapters has a cosine below .8 with the mean of their "
    "updates",
    source="peft 0.21; sheet peft_merge M6: .62, cat 1.000",
    metric="cosine of the combined update with the mean of three, rank 4, factors Gaussian",
    bound=h.below(NO_MEAN),
    null=h.null("variant", must="refuted", kind="cat"),
    plant=h.variant(kind="ties"),
    expect={"tiny": "supported"},
    family=TRAPS,
)
def test_linear(rng, kind="linear"):
    """Cross terms B_i A_j appear. The plant prunes factors and is not meant as a mean."""
    return weighted(rng, kind).cosine


@PAPER.claim(
    "cat-is-the-mean",
    says="add_weighted_adapter(combination_type='cat') gives the mean of the three updates to rounding",
    source="peft 0.21; sheet peft_merge 3.4: 0.000",
    metric="|D - mean| / |mean|, fp32",
    bound=h.below(EXACT_MEAN),
    null=h.null("variant", must="refuted", kind="linear"),
    plant=h.variant(kind="svd"),
    expect={"tiny": "supported"},
    family=TRAPS,
)
def test_cat(rng, kind="cat"):
    return weighted(rng, kind).error


@PAPER.claim(
    "equal-seeds-share-lora-a",
    says="Two runs that seed alike after their bases are built begin with the same lora_A on different weights, bit for bit",
    source="sheet peft_merge trap 7: a base whose building reseeds the global generator does that unseen",
    metric="every lora_A equal in every bit, over two models",
    bound=h.exact(True),
    null=h.variant(alike=False),
    no_plant="an identity is checked, not detected",
    expect={"tiny": "supported"},
    family=TRAPS,
)
def test_equal_seeds(rng, alike=True):
    return shared_factors(rng, alike)
