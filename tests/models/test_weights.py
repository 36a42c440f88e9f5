import pytest
import torch

from harness.errors import ModelError
from harness.models import tiny
from harness.models.weights import matrices, projections, select_layers, short_name

SHAPES = {
    "mlp.down_proj": (64, 160),
    "mlp.gate_proj": (160, 64),
    "mlp.up_proj": (160, 64),
    "self_attn.k_proj": (32, 64),
    "self_attn.o_proj": (64, 64),
    "self_attn.q_proj": (64, 64),
    "self_attn.v_proj": (32, 64),
}


def test_a_model_has_seven_matrices_a_layer():
    found = matrices(tiny.build(seed=0).model)
    expected = {f"layers.{layer}.{name}": shape for layer in (0, 1) for name, shape in SHAPES.items()}
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == expected
    assert list(found) == list(expected)


def test_folder_and_model_give_the_same(tiny_folder):
    from_model, from_folder = matrices(tiny.build(seed=0).model), matrices(tiny_folder)
    assert list(from_model) == list(from_folder)
    assert all(torch.equal(from_model[name], from_folder[name]) for name in from_model)


def test_matrices_are_copies():
    model, _ = tiny.build(seed=0)
    before = matrices(model)["layers.0.self_attn.q_proj"]
    kept = before.clone()
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.add_(1.0)
    assert torch.equal(before, kept)


def test_bf16_weights_come_as_fp32_with_the_same_values():
    model = tiny.build(seed=0).model.to(torch.bfloat16)
    found = matrices(model)["layers.1.mlp.up_proj"]
    assert found.dtype == torch.float32
    assert torch.equal(found, model.model.layers[1].mlp.up_proj.weight.float())


def test_judged_layers_are_kept():
    found = matrices(tiny.build(seed=0).model, ("last",))
    assert {name.split(".")[1] for name in found} == {"1"}


@pytest.mark.parametrize(
    "depth, wanted, layers",
    [
        (30, ("first", "middle", "last"), (0, 15, 29)),
        (2, ("first", "middle", "last"), (0, 1)),
        (1, ("last",), (0,)),
        (4, ("2",), (2,)),
    ],
)
def test_layers_by_name(depth, wanted, layers):
    assert select_layers(depth, wanted) == layers


@pytest.mark.parametrize("wanted", ["4", "-1", "end"])
def test_a_layer_that_is_not_there_is_refused(wanted):
    with pytest.raises(ModelError, match=f"there is no layer '{wanted}' in a model of 4 layers"):
        select_layers(4, (wanted,))


@pytest.mark.parametrize(
    "tensor, name",
    [
        ("model.layers.0.self_attn.q_proj.weight", "layers.0.self_attn.q_proj"),
        ("layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj"),
        ("transformer.h.3.mlp.c_fc.weight", "transformer.h.3.mlp.c_fc"),
        ("model.norm.weight", "norm"),
        ("model.layers.0.self_attn.q_proj.bias", "layers.0.self_attn.q_proj.bias"),
    ],
)
def test_a_short_name_drops_the_models_prefix_and_the_weights_suffix(tensor, name):
    assert short_name(tensor) == name


def test_no_other_parameter_has_the_short_name_of_a_projection():
    dims = {name: parameter.ndim for name, parameter in tiny.build(seed=0).model.named_parameters()}
    named = {each.name: each.tensor for each in projections(dims)}
    assert {name: tensor for tensor in dims if (name := short_name(tensor)) in named} == named


def test_layers_come_in_numerical_order():
    names = {f"model.layers.{layer}.mlp.up_proj.weight": 2 for layer in (10, 2, 0)}
    assert [each.layer for each in projections(names)] == [0, 2, 10]


@pytest.mark.parametrize(
    "tensor, counts",
    [
        ("transformer.h.3.mlp.c_fc.weight", True),
        ("blocks.0.attn.proj.weight", True),
        ("model.embed_tokens.weight", False),
        ("lm_head.weight", False),
        ("model.layers.0.self_attn.q_proj.bias", False),
    ],
)
def test_what_counts_is_inside_a_layer(tensor, counts):
    dims = {tensor: 2, "model.layers.0.anchor.weight": 2}
    assert (tensor in [each.tensor for each in projections(dims)]) is counts


def test_norms_do_not_count():
    with pytest.raises(ModelError, match="no attention or MLP matrix"):
        projections({"model.layers.0.input_layernorm.weight": 1})
