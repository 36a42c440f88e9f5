"""Adapters that start in the principal directions, or in the minor ones, at the rate that LoRA was tuned to.

The paper trains every tuner at one rate, 1e-5: PiSSA ends at .2 and MiLoRA at 18.0 where LoRA ends at 42.5. GeoRA's authors
(2601.09361) have PiSSA at LoRA's height. `rlvr_x_equal` is x at LoRA's rate; `rlvr_x` at its own.
"""

import harness as h
from suites.pissa_under_rl.paper import COLLAPSE, COLLAPSED, PAPER, gain, success

TWIN = "rlvr_lora_twin"
"""LoRA from other random factors, at its rate: what another draw does."""


@PAPER.claim(
    "pissa-collapses-at-equal-rate",
    says="At LoRA's rate PiSSA keeps less than a tenth of LoRA's gain under RLVR",
    source="Table of tuners at rate 1e-5: PiSSA .2, LoRA 42.5, full 44.9",
    metric="gain in held-out success over that of LoRA",
    bound=h.below(COLLAPSED),
    null=h.swap(rlvr_pissa_equal=TWIN),
    plant=h.variant(made="noise"),
    expect={"tiny": "open"},
    family=COLLAPSE,
    nightly=True,
)
def test_pissa_collapses_at_equal_rate(rlvr_pissa_equal, rlvr_lora, models, rng, made="trained"):
    """The plant is PiSSA's update as noise of its norm, which teaches nothing."""
    arm = rlvr_pissa_equal if made == "trained" else h.isotropic(rlvr_pissa_equal, rng)
    return gain(models, arm) / gain(models, rlvr_lora)


@PAPER.claim(
    "milora-falls-short-at-equal-rate",
    says="At LoRA's rate MiLoRA keeps less than half of LoRA's gain under RLVR",
    source="Table of tuners at rate 1e-5: MiLoRA 18.0, LoRA 42.5",
    metric="gain in held-out success over that of LoRA",
    bound=h.below(0.5),
    null=h.swap(rlvr_milora_equal=TWIN),
    plant=h.variant(made="noise"),
    expect={"tiny": "open"},
    family=COLLAPSE,
    nightly=True,
)
def test_milora_falls_short_at_equal_rate(rlvr_milora_equal, rlvr_lora, models, rng, made="trained"):
    arm = rlvr_milora_equal if made == "trained" else h.isotropic(rlvr_milora_equal, rng)
    return gain(models, arm) / gain(models, rlvr_lora)


@PAPER.claim(
    "tuned-pissa-matches-lora",
    says="At rates tuned on one grid PiSSA reaches at least .95 of LoRA's success under RLVR",
    source="GeoRA 2601.09361: PiSSA 22.5/20.4/74.4 against LoRA 19.6/19.6/75.6; the width is ours",
    metric="held-out success over that of LoRA",
    bound=h.above(0.95),
    null=h.null("variant", must="refuted", of="base"),
    plant=h.swap(rlvr_pissa=TWIN),
    expect={"tiny": "open"},
    family=COLLAPSE,
    nightly=True,
)
def test_tuned_pissa_matches_lora(rlvr_pissa, rlvr_lora, models, of="trained"):
    """The null is the base, which was trained on nothing."""
    reached = success(models, rlvr_pissa) if of == "trained" else models.base(rlvr_pissa).held_out_success
    return reached / success(models, rlvr_lora)


@PAPER.claim(
    "tuned-milora-matches-lora",
    says="At rates tuned on one grid MiLoRA reaches at least .95 of LoRA's success under RLVR",
    source="GeoRA 2601.09361: MiLoRA 20.4/19.6/76.2 against LoRA 19.6/19.6/75.6; the width is ours",
    metric="held-out success over that of LoRA",
    bound=h.above(0.95),
    null=h.null("variant", must="refuted", of="base"),
    plant=h.swap(rlvr_milora=TWIN),
    expect={"tiny": "open"},
    family=COLLAPSE,
    nightly=True,
)
def test_tuned_milora_matches_lora(rlvr_milora, rlvr_lora, models, of="trained"):
    reached = success(models, rlvr_milora) if of == "trained" else models.base(rlvr_milora).held_out_success
    return reached / success(models, rlvr_lora)
