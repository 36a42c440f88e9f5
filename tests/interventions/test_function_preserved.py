"""Rotated and permuted models compute what the base computes: with and without groups and biases, tiny and real."""

import copy

import pytest
import torch

from harness.errors import ModelError
from harness.interventions import Heads, permutation, permute, rotate, rotation
from harness.interventions.rotate import haar
from harness.training.runs import projections

CASES = {
    "llama-gqa": ("llama", {"num_key_value_heads": 2}),
    "llama-mha": ("llama", {"num_key_value_heads": 4}),
    "llama-mqa-bias": ("llama", {"num_key_value_heads": 1, "attention_bias": True}),
    "qwen2-gqa-bias": ("qwen2", {"num_key_value_heads": 2}),
    "qwen3-norms": ("qwen3", {"num_key_value_heads": 2, "head_dim": 24}),
}


def built(kind: str, fields: dict, generator: torch.Generator):
    """A random two-layer model with biases and norms that are not trivial."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = dict(vocab_size=40, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4)
    config = AutoConfig.for_model(kind, **sizes, **fields)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.2 * torch.randn(p.shape, generator=generator) + (p.ndim == 1))
    return model


@torch.no_grad()
def logits_with(model, weights, ids):
    own = dict(model.named_parameters())
    for name, p in own.items():
        p.copy_(weights[name])
    return model(ids).logits


@pytest.mark.parametrize("intervention", [rotate, permute])
@pytest.mark.parametrize("kind, fields", CASES.values(), ids=CASES)
def test_logits_agree_and_weights_do_not(intervention, kind, fields, generator):
    """fp64 weights; transformers' norms compute in fp32, whose rounding is what is left. Logits are of order 1-10."""
    model = built(kind, fields, generator).double()
    ids = torch.randint(0, 40, (3, 9), generator=generator)
    base = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved = intervention(base, Heads.of(model.config), generator)
    before, after = logits_with(model, base, ids), logits_with(model, moved.weights, ids)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)
    changed = {name.split(".")[-2] for name in base if not torch.equal(base[name], moved.weights[name])}
    assert {"v_proj", "o_proj"} == changed if intervention is rotate else {"o_proj", "q_proj"} <= changed
    assert any(name.endswith("v_proj.bias") for name in base) == ("bias" in str(fields) or kind == "qwen2")


def test_a_wrong_order_inside_the_groups_would_be_seen(generator):
    """Limit of the test itself: one query head swapped across groups moves the logits by far more than 1e-5."""
    model = built(*CASES["llama-gqa"], generator).double()
    ids = torch.randint(0, 40, (3, 9), generator=generator)
    base = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved = permute(base, Heads.of(model.config), generator)
    wrong = copy.copy(moved.weights)
    name = "model.layers.0.self_attn.q_proj.weight"
    wrong[name] = wrong[name].view(4, 16, 64)[[2, 1, 0, 3]].reshape(64, 64)
    assert (logits_with(model, wrong, ids) - logits_with(model, base, ids)).abs().max() > 1e-2


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_tiny_logits_agree_in_fp32(intervention, model, generator):
    ids = torch.randint(3, 15, (4, 12), generator=generator)
    base = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved = intervention(base, Heads.of(model.config), generator)
    before, after = logits_with(model, base, ids), logits_with(model, moved.weights, ids)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)


def test_only_the_layers_asked_for_are_rotated(model, generator):
    base = {name: p.detach() for name, p in model.named_parameters()}
    moved = rotate(base, Heads.of(model.config), generator, layers=[1])
    changed = {name for name in base if not torch.equal(base[name], moved.weights[name])}
    assert changed == {f"model.layers.1.self_attn.{side}_proj.weight" for side in "vo"}


def test_a_seed_repeats_and_names_of_a_change_give_the_same_rotation(model):
    weights = {name: p.detach() for name, p in model.named_parameters()}
    heads = Heads.of(model.config)
    first, second = (
        rotation(names, heads, torch.Generator().manual_seed(4)) for names in (weights, projections(weights))
    )
    assert first.moves.keys() == second.moves.keys()
    assert all(torch.equal(first.moves[key].blocks, second.moves[key].blocks) for key in first.moves)


def test_permuted_weights_are_the_same_numbers(model, generator):
    base = {name: p.detach() for name, p in model.named_parameters()}
    moved = permute(base, Heads.of(model.config), generator)
    assert all(torch.equal(base[name].flatten().sort().values, w.flatten().sort().values) for name, w in moved.weights.items())
    back = moved.map.back(moved.weights)
    assert all(torch.equal(back[name], base[name]) for name in base)


def test_a_permutation_is_never_the_identity():
    """2 heads: half of all draws would be."""
    heads = Heads(2, 2, 8)
    names = [f"layers.0.self_attn.{side}_proj" for side in "qkvo"]
    orders = [permutation(names, heads, torch.Generator().manual_seed(seed)).moves[0, "q_proj"].order for seed in range(20)]
    assert all(order.tolist() == [1, 0] for order in orders)
    with pytest.raises(ModelError, match="one head has nothing to permute"):
        permutation(names, Heads(1, 1, 8), torch.Generator())


def test_norms_that_span_the_heads_are_refused_by_the_permutation(model, generator):
    weights = dict(model.state_dict()) | {"model.layers.0.self_attn.q_norm.weight": torch.ones(64)}
    with pytest.raises(ModelError, match=r"q_norm.weight of shape \(64,\) is not shared by the heads"):
        permute(weights, Heads.of(model.config), generator)
    rotate(weights, Heads.of(model.config), generator)


@pytest.mark.parametrize("count, size", [(3, 16), (1, 64)])
def test_haar_matrices_are_orthogonal_and_centred(count, size, generator):
    """Limit: an entry of a Haar matrix has mean 0 and variance 1 / d; over all entries, within five standard errors."""
    many = torch.cat([haar(count, size, generator) for _ in range(60)])
    assert torch.allclose(many @ many.mT, torch.eye(size).double().expand_as(many), atol=1e-13)
    diagonal = many.diagonal(dim1=1, dim2=2)  # without the sign correction its mean is far from 0
    assert abs(diagonal.mean().item()) < 5 / (size * diagonal.numel()) ** 0.5
    assert many.square().mean().item() == pytest.approx(1 / size, rel=1e-12)


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_the_real_model_keeps_its_function(intervention, generator):
    """SmolLM2, 9 query heads on 3: logits reach 37; in fp32 they agree to 1e-5 of that, with fp64 weights to 1e-5."""
    from harness.models.load import load

    model, tokenizer, *_ = load("small")
    heads = Heads.of(model.config)
    assert heads == (9, 3, 64)
    ids = tokenizer("The capital of France is Paris, and 12 + 30 = 42. What about", return_tensors="pt").input_ids
    base = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved = intervention(base, heads, generator)
    assert all(not torch.equal(base[name], w) for name, w in moved.weights.items() if "o_proj" in name)
    before, after = logits_with(model, base, ids), logits_with(model, moved.weights, ids)
    assert (after - before).abs().max() < 1e-5 * before.abs().max()
    model.double()
    exact = {name: w.double() for name, w in base.items()}
    before, after = logits_with(model, exact, ids), logits_with(model, moved.map(exact), ids)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)
