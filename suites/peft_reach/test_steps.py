"""What is left of differences between starts where their steps are equally long: loss gaps, and shifts of the spectrum."""

import harness as h
from suites.peft_reach.bench import SMALL_RATE, seed_of
from suites.peft_reach.matched import loss_gaps, shifts_at_one_norm
from suites.peft_reach.paper import GAP_LEFT, PAPER, STEPS

GAP = "|loss of MiLoRA - loss of PiSSA| after 25 steps, first steps matched, over the same at one rate"


@PAPER.claim(
    "matched-steps-halve-the-gap-under-sgd",
    says="Where MiLoRA's rate gives it PiSSA's first step, their loss gap after 25 SGD steps is less than half",
    source="sheet peft_merge P4 (ii), untested there; 2512.23165 compares starts at one rate",
    metric=GAP,
    bound=h.below(GAP_LEFT),
    null=h.null("variant", must="refuted", matched=False),
    no_plant="what a matched rate leaves is the sentence itself",
    expect={"tiny": "open"},
    family=STEPS,
    nightly=True,
)
def test_gap_sgd(rng, optimizer="sgd", matched=True):
    gaps = loss_gaps(seed_of(rng), optimizer)
    return (gaps.matched if matched else gaps.equal) / gaps.equal


@PAPER.claim(
    "matched-steps-halve-the-gap-under-adamw",
    says="The same under AdamW, where first steps are nearer at one rate",
    source="sheet peft_merge P4 (ii), untested there",
    metric=GAP,
    bound=h.below(GAP_LEFT),
    null=h.null("variant", must="refuted", matched=False),
    no_plant="what a matched rate leaves is the sentence itself",
    expect={"tiny": "open"},
    family=STEPS,
    nightly=True,
)
def test_gap_adamw(rng, optimizer="adamw", matched=True):
    gaps = loss_gaps(seed_of(rng), optimizer)
    return (gaps.matched if matched else gaps.equal) / gaps.equal


@PAPER.claim(
    "principal-starts-shift-the-spectrum-most",
    says="At equal update norm PiSSA shifts singular values more than LoRA, and LoRA more than MiLoRA",
    source="sheet peft_merge P5: shift over norm .159/.141/.170, no such order once normalised; 2601.09361: NSS of PiSSA .395",
    metric="the smaller of two ratios of NSS at LoRA's norm: PiSSA over LoRA, LoRA over MiLoRA; 25 AdamW steps at 5e-4",
    bound=h.above(1.0, on="log"),
    null=h.variant(principal="lora_random"),
    no_plant="the order is the sentence itself",
    expect={"tiny": "refuted"},
    family=STEPS,
    nightly=True,
)
def test_ranking(rng, principal="pissa", minor="milora", rate=SMALL_RATE):
    """The null starts in r drawn singular directions."""
    nss = shifts_at_one_norm(seed_of(rng), (principal, "lora", minor), rate)
    return min(nss[principal] / nss["lora"], nss["lora"] / nss[minor])
