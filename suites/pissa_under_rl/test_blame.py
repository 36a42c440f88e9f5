"""The step or the subspace? The same adapters at the rate whose first update has the norm of LoRA's.

At equal rates one step of PiSSA moves the matrices further than LoRA's does, since both of its factors are large and both move.
`rlvr_x_matched` takes first steps as long as LoRA's. `lora_top` and `lora_bottom` have the directions alone: A is the leading
or the trailing right singular vectors, orthonormal, B is 0 and the base is whole.

Source: H13 of the sheet; PeRL's directions-only ablation (milora_plus).
"""

import harness as h
from suites.pissa_under_rl.paper import BLAME, PAPER, SHRINKS, gain, success

TWIN = "rlvr_lora_twin"


@PAPER.claim(
    "collapse-is-of-the-step",
    says="With first steps as long as LoRA's at least .7 of PiSSA's gap to LoRA is gone",
    source="sheet H13: collapse is scale, not subspace",
    metric="gap at matched steps less .3 of the gap at equal rates; gap: success of LoRA less that of PiSSA",
    bound=h.below(0.0),
    null=h.variant(step="equal"),
    plant=h.swap(rlvr_pissa_matched=TWIN),
    expect={"tiny": "open"},
    family=BLAME,
    nightly=True,
)
def test_collapse_is_of_the_step(rlvr_pissa_matched, rlvr_pissa_equal, rlvr_lora, models, step="matched"):
    """The null leaves the rate as it is: .7 of the gap is left."""
    at_equal = success(models, rlvr_lora) - success(models, rlvr_pissa_equal)
    at = at_equal if step == "equal" else success(models, rlvr_lora) - success(models, rlvr_pissa_matched)
    return at - (1 - SHRINKS) * at_equal


@PAPER.claim(
    "principal-directions-learn",
    says="At matched steps LoRA with its A on the leading right directions gains at least .9 of what random directions gain",
    source="sheet H13: PiSSA against (A = V_max, B = 0) against LoRA at equal |D| a step; the width is ours",
    metric="gain in held-out success over that of LoRA",
    bound=h.above(0.9),
    null=h.null("variant", must="refuted", made="noise"),
    plant=h.swap(rlvr_lora_top_matched=TWIN),
    expect={"tiny": "open"},
    family=BLAME,
    nightly=True,
)
def test_principal_directions_learn(rlvr_lora_top_matched, rlvr_lora, models, rng, made="trained"):
    arm = rlvr_lora_top_matched if made == "trained" else h.isotropic(rlvr_lora_top_matched, rng)
    return gain(models, arm) / gain(models, rlvr_lora)


@PAPER.claim(
    "minor-directions-beat-principal",
    says="At matched steps LoRA on the trailing right directions gains more under RLVR than on the leading ones",
    source="what 'RL learns off the principals' (2511.08567) predicts of adapters",
    metric="held-out success on the trailing less that on the leading directions",
    bound=h.above(0.0),
    null=h.swap(rlvr_lora_bottom_matched="rlvr_lora", rlvr_lora_top_matched=TWIN),
    no_plant="an arm that is known to gain more from minor directions would be the finding itself",
    expect={"tiny": "open"},
    family=BLAME,
    nightly=True,
)
def test_minor_directions_beat_principal(rlvr_lora_bottom_matched, rlvr_lora_top_matched, models):
    """The null is LoRA against LoRA from another draw."""
    return success(models, rlvr_lora_bottom_matched) - success(models, rlvr_lora_top_matched)


@PAPER.claim(
    "pissa-suffers-under-rl-alone",
    says="At matched steps PiSSA is further behind LoRA under RLVR than under SFT",
    source="the paper's reading (principal directions are wrong for RL); PiSSA 2404.02948 leads LoRA under SFT",
    metric="success of PiSSA over LoRA's under RLVR, over the same under SFT",
    bound=h.below(1.0, on="log"),
    null=h.swap(rlvr_pissa_matched=TWIN, sft_pissa_matched="sft_lora_twin"),
    plant=h.variant(rl="base"),
    expect={"tiny": "open"},
    family=BLAME,
    nightly=True,
)
def test_pissa_suffers_under_rl_alone(rlvr_pissa_matched, rlvr_lora, sft_pissa_matched, sft_lora, models, rl="trained"):
    """The plant has the base in PiSSA's place under RLVR."""
    start = models.base(rlvr_pissa_matched).held_out_success
    under_rl = (start if rl == "base" else success(models, rlvr_pissa_matched)) / success(models, rlvr_lora)
    return under_rl / (success(models, sft_pissa_matched) / success(models, sft_lora))
