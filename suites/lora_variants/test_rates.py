"""LoRA and its variants under SFT: what the rate does, and what the variant does once its rate is tuned.

Every variant has 8 ranks on all seven projections and a grid of six rates, tuned by the loss on training problems of other
seeds. `sft_x` is x at its tuned rate, `sft_x_g2` at the third rate of the grid, 1e-3 for adapters; LoRA+ has its grid half a decade
lower, so that 1e-3 is its fourth and 1e-4 its second.
Trap: a winner at one rate that all share is the variant whose step at that rate is the longest of those that hold.
"""

import harness as h
from suites.lora_variants.paper import AGREE, PAPER, RATES, RATIO, spread, success

SOURCE = "sheet L1-L3, after 2601.22708 (fixed rates) and 2602.04998 (tuned ones)"


@PAPER.claim(
    "rate-matters-more-than-variant",
    says="Success over LoRA's grid of rates varies at least five times as much as among seven tuned variants",
    source=SOURCE,
    metric="range of held-out success over LoRA's six rates, over its range among tuned variants",
    bound=h.above(RATIO, on="log"),
    null=h.variant(over="variants at one rate"),
    no_plant="a wider range by construction is a wider grid",
    expect={"tiny": "open"},
    family=RATES,
    nightly=True,
)
def test_rate_matters_more_than_variant(
    sft_lora_g0, sft_lora_g1, sft_lora_g2, sft_lora_g3, sft_lora_g4, sft_lora_g5,
    sft_lora, sft_rslora, sft_dora, sft_lora_orthogonal, sft_loraplus, sft_pissa, sft_milora,
    sft_rslora_g2, sft_dora_g2, sft_lora_orthogonal_g2, sft_loraplus_g3, sft_pissa_g2, sft_milora_g2, models, over="rates",
):  # fmt: skip
    """The null is the range among variants at LoRA's tuned rate: choices of variant alone, none of them tuned but LoRA."""
    rates = (sft_lora_g0, sft_lora_g1, sft_lora_g2, sft_lora_g3, sft_lora_g4, sft_lora_g5)
    tuned = (sft_lora, sft_rslora, sft_dora, sft_lora_orthogonal, sft_loraplus, sft_pissa, sft_milora)
    at_one = (sft_lora_g2, sft_rslora_g2, sft_dora_g2, sft_lora_orthogonal_g2, sft_loraplus_g3, sft_pissa_g2, sft_milora_g2)
    wide = rates if over == "rates" else at_one
    return spread([success(models, arm) for arm in wide]) / spread([success(models, arm) for arm in tuned])


@PAPER.claim(
    "tuned-variants-agree",
    says="Tuned, seven variants of LoRA lie within two percent of the best",
    source="2602.04998, abstract: with tuned rates all within 1-2 %",
    metric="range of held-out success among tuned variants, over the largest",
    bound=h.below(AGREE),
    null=h.variant(at="one"),
    no_plant="variants that agree by construction are one variant",
    expect={"tiny": "open"},
    family=RATES,
    nightly=True,
)
def test_tuned_variants_agree(
    sft_lora, sft_rslora, sft_dora, sft_lora_orthogonal, sft_loraplus, sft_pissa, sft_milora,
    sft_lora_g2, sft_rslora_g2, sft_dora_g2, sft_lora_orthogonal_g2, sft_loraplus_g3, sft_pissa_g2, sft_milora_g2, models, at="own",
):  # fmt: skip
    """The null has all variants at one rate."""
    tuned = (sft_lora, sft_rslora, sft_dora, sft_lora_orthogonal, sft_loraplus, sft_pissa, sft_milora)
    at_one = (sft_lora_g2, sft_rslora_g2, sft_dora_g2, sft_lora_orthogonal_g2, sft_loraplus_g3, sft_pissa_g2, sft_milora_g2)
    found = [success(models, arm) for arm in (tuned if at == "own" else at_one)]
    return spread(found) / max(found)


@PAPER.claim(
    "pissa-wants-a-smaller-rate",
    says="The best rate of PiSSA is below LoRA's",
    source="sheet L2: the best rate follows curvature at the start, larger for PiSSA; 3e-3 against 1e-2 there",
    metric="best rate of LoRA's six over PiSSA's best, by success on training problems",
    bound=h.above(1.0, on="log"),
    null=h.variant(of="lora"),
    plant=h.variant(of="third"),
    expect={"tiny": "supported"},
    family=RATES,
    nightly=True,
)
def test_pissa_wants_a_smaller_rate(
    sft_lora_g0, sft_lora_g1, sft_lora_g2, sft_lora_g3, sft_lora_g4, sft_lora_g5,
    sft_pissa_g0, sft_pissa_g1, sft_pissa_g2, sft_pissa_g3, sft_pissa_g4, sft_pissa_g5, models, of="pissa",
):  # fmt: skip
    """The null is LoRA against itself; the plant a third of its best rate."""
    lora = best(models, (sft_lora_g0, sft_lora_g1, sft_lora_g2, sft_lora_g3, sft_lora_g4, sft_lora_g5))
    if of != "pissa":
        return 1.0 if of == "lora" else 3.0
    return lora / best(models, (sft_pissa_g0, sft_pissa_g1, sft_pissa_g2, sft_pissa_g3, sft_pissa_g4, sft_pissa_g5))


@PAPER.claim(
    "loraplus-leads-at-a-shared-rate",
    says="At a rate of 1e-3 LoRA+ is ahead of LoRA",
    source="sheet L3: +.12 there, at 1e-3 of A's rate",
    metric="held-out success of LoRA+ less that of LoRA, both at a rate of 1e-3 (of A)",
    bound=h.above(0.0),
    null=h.swap(sft_loraplus_g3="sft_lora_twin"),
    no_plant="a larger rate for B alone is what LoRA+ is",
    expect={"tiny": "open"},
    family=RATES,
    nightly=True,
)
def test_loraplus_leads_at_a_shared_rate(sft_loraplus_g3, sft_lora_g2, models):
    """The null is LoRA from another draw at the same rate."""
    return success(models, sft_loraplus_g3) - success(models, sft_lora_g2)


@PAPER.claim(
    "tuning-takes-the-lead-of-loraplus",
    says="With tuned rates the lead of LoRA+ over LoRA is less than half of what it is at a rate of 1e-4",
    source="sheet L3: +.12 at 1e-3, -.02 to .00 tuned; at the grid's smallest rate, where both learn too slowly",
    metric="lead when tuned less half the lead at the smallest rate; lead: success of LoRA+ less that of LoRA",
    bound=h.below(0.0),
    null=h.variant(lead="smallest"),
    plant=h.swap(sft_loraplus="sft_lora_twin"),
    expect={"tiny": "open"},
    family=RATES,
    nightly=True,
)
def test_tuning_takes_the_lead_of_loraplus(sft_loraplus, sft_lora, sft_loraplus_g1, sft_lora_g0, models, lead="tuned"):
    at_smallest = success(models, sft_loraplus_g1) - success(models, sft_lora_g0)
    at = at_smallest if lead == "smallest" else success(models, sft_loraplus) - success(models, sft_lora)
    return at - at_smallest / 2


def best(models, arms):
    """The rate of the grid whose arm answers training problems best."""
    from harness.training.adapter_arms import GRID
    from suites.task_vectors.specialists import TUNED_ON

    policies = [models.of(arm) for arm in arms]
    found = [policy.success(policy.problems(TUNED_ON, seed=0)).mean().item() for policy in policies]
    return GRID[found.index(max(found))]
