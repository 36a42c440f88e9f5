import pytest

from harness.errors import ModelError
from harness.models import tiny
from harness.models.layout import Place, canonical, kind, pieces, place
from harness.models.weights import projections


def names(shapes, config=None):
    return {where.name: piece.shape for where, piece in pieces(shapes, config or {}).items()}


def test_a_llama_has_the_matrices_that_claims_are_about():
    shapes = {name: tuple(parameter.shape) for name, parameter in tiny.build(seed=0).model.named_parameters()}
    found = {where.name: (where.layer, piece.tensor) for where, piece in pieces(shapes, {}).items()}
    assert found == {each.name: (each.layer, each.tensor) for each in projections({name: len(s) for name, s in shapes.items()})}


@pytest.mark.parametrize(
    "tensor, name",
    [
        ("model.layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj"),
        ("layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj"),
        ("transformer.h.3.mlp.c_fc.weight", "layers.3.mlp.c_fc"),
        ("_orig_mod.module.model.layers.7.mlp.up_proj.weight", "layers.7.mlp.up_proj"),
        ("model.layers.7._orig_mod.mlp.up_proj.weight", "layers.7.mlp.up_proj"),
        ("base_model.model.model.layers.1.self_attn.q_proj.weight", "layers.1.self_attn.q_proj"),
        ("model.language_model.layers.1.self_attn.q_proj.weight", "layers.1.self_attn.q_proj"),
        ("encoder.layer.0.attention.self.query.weight", "encoder.layers.0.attention.self.query"),
        ("decoder.block.2.layer.1.EncDecAttention.q.weight", "decoder.layers.2.layer.1.EncDecAttention.q"),
        ("model.layers.3.block_sparse_moe.experts.5.w3.weight", "layers.3.mlp.experts.5.up_proj"),
        ("model.layers.3.mlp.experts.5.down_proj.weight", "layers.3.mlp.experts.5.down_proj"),
    ],
)
def test_layouts_are_mapped_to_one_name(tensor, name):
    assert names({tensor: (16, 8)}) == {name: (16, 8)}


def test_an_experts_module_has_no_number():
    found = place("model.layers.3.block_sparse_moe.experts.5.w1")
    assert found == Place("", 3, "mlp.experts.gate_proj", 5)


@pytest.mark.parametrize(
    "tensor, shape",
    [
        ("model.embed_tokens.weight", (64, 16)),
        ("lm_head.weight", (64, 16)),
        ("model.layers.0.input_layernorm.weight", (16,)),
        ("model.layers.0.self_attn.q_proj.bias", (16,)),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (32, 4)),
        ("model.layers.0.mlp.up_proj.weight_scale_inv", (1, 1)),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", (4, 16)),
        ("model.layers.0.conv.weight", (16, 1, 4)),
        ("model.layers.0.mlp.empty.weight", (0, 4)),
    ],
)
def test_what_is_no_projection_is_left_out(tensor, shape):
    assert names({tensor: shape, "model.layers.0.anchor.weight": (8, 8)}) == {"layers.0.anchor": (8, 8)}


@pytest.mark.parametrize(
    "tensor, ndim, expected",
    [
        ("model.embed_tokens.weight", 2, "embeddings"),
        ("embeddings.LayerNorm.weight", 1, "norms"),
        ("model.layers.0.mlp.up_proj.bias", 1, "biases"),
        ("model.layers.0.mlp.up_proj.weight_scale_inv", 2, "scales"),
        ("model.layers.0.self_attn.q_proj.qweight", 2, "packed"),
        ("model.layers.0.mlp.experts.gate_up_proj_blocks", 4, "packed"),
        ("model.conv.weight", 4, "other"),
    ],
)
def test_kinds_of_what_is_left_out(tensor, ndim, expected):
    assert kind(tensor, ndim) == expected


def test_without_layers_every_matrix_of_some_size_counts():
    shapes = {"mlp.layers.0.weight": (64, 31), "site.weight": (1, 64), "mlp.layers.0.bias": (64,), "small.weight": (7, 64)}
    assert list(pieces(shapes, {})) == [Place("", -1, "mlp.layers.0")]


def test_two_tensors_of_one_name_are_refused():
    shapes = {"model.layers.0.mlp.up_proj.weight": (8, 8), "module.layers.0.mlp.up_proj.weight": (8, 8)}
    with pytest.raises(ModelError, match=r"are both layers\.0\.mlp\.up_proj"):
        pieces(shapes, {})


STACK = {"gate_up_proj": (4, 20, 8), "down_proj": (4, 8, 10)}
TURNED = {"gate_up_proj": (4, 8, 20), "down_proj": (4, 10, 8)}


@pytest.mark.parametrize("stack", [STACK, TURNED], ids=["out-in", "in-out"])
def test_expert_stacks_give_matrices_out_in(stack):
    shapes = {f"model.layers.0.mlp.experts.{name}": shape for name, shape in stack.items()}
    each = {"gate_proj": (10, 8), "up_proj": (10, 8), "down_proj": (8, 10)}
    assert names(shapes) == {f"layers.0.mlp.experts.{e}.{name}": shape for e in range(4) for name, shape in each.items()}


def test_a_text_models_own_config_counts():
    config = {"model_type": "vlm", "text_config": {"model_type": "phi3", "num_attention_heads": 2, "hidden_size": 8}}
    found = names({"language_model.model.layers.0.self_attn.qkv_proj.weight": (24, 8)}, config)
    assert found == {f"layers.0.self_attn.{each}_proj": (8, 8) for each in "qkv"}


def test_wrappers_fall_away_but_the_name_stays():
    assert canonical("module.model.weight") == "weight"
    assert canonical("model_of_mine.weight") == "model_of_mine.weight"
