"""Where LoRA sits: on the attention alone, on the MLP alone, or on all seven projections, each at the best rate of a grid of six.

Attention and MLP train as many numbers: rank 12 and rank 8 make 5376 a layer each on the tiny model (adapter_arms.py); all seven
at rank 8 train 1.67 times as many.
"""

import harness as h
from suites.lora_without_regret.paper import NEAR, PAPER, TARGETS, success


@PAPER.claim(
    "mlp-beats-attention",
    says="Under RLVR LoRA on the MLP alone reaches a higher success than LoRA on the attention alone with as many parameters",
    source="post: attention-only falls behind MLP-only at matched parameters, under RL too; sheet rlvr 3.10",
    metric="held-out success of LoRA on the MLP over that of LoRA on the attention",
    bound=h.above(1.0, on="log"),
    null=h.swap(rlvr_lora_mlp="rlvr_lora_twin", rlvr_lora_attention="rlvr_lora"),
    plant=h.variant(attention="base"),
    expect={"tiny": "supported"},
    family=TARGETS,
    nightly=True,
)
def test_mlp_beats_attention(rlvr_lora_mlp, rlvr_lora_attention, models, attention="trained"):
    """The null is LoRA on all layers from another draw against LoRA on all layers; the plant an attention that learned nothing."""
    start = models.base(rlvr_lora_attention).held_out_success
    return success(models, rlvr_lora_mlp) / (start if attention == "base" else success(models, rlvr_lora_attention))


@PAPER.claim(
    "mlp-matches-all-layers",
    says="Under RLVR LoRA on the MLP alone reaches at least .98 of the success of LoRA on all layers",
    source="post: attention adds nothing on top of the MLP; sheet rlvr 3.10, its bound that of H32",
    metric="held-out success of LoRA on the MLP over that of LoRA on all layers, both of rank 8",
    bound=h.above(NEAR),
    null=h.null("variant", must="refuted", of="base"),
    plant=h.swap(rlvr_lora_mlp="rlvr_lora"),
    expect={"tiny": "supported"},
    family=TARGETS,
    nightly=True,
)
def test_mlp_matches_all_layers(rlvr_lora_mlp, rlvr_lora, models, of="trained"):
    reached = success(models, rlvr_lora_mlp) if of == "trained" else models.base(rlvr_lora_mlp).held_out_success
    return reached / success(models, rlvr_lora)
