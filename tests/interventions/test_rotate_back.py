"""What the intervention is for: SGD does not see the coordinates, Adam does, and the mask of changed entries never survives."""

import copy

import pytest
import torch
from torch.nn import functional

from harness.interventions import Heads, permutation, permute, rotate, rotate_back
from harness.spectra import Change, changed_masks
from harness.spectra.update_cosine import update_cosine
from harness.training.runs import projections

NAMES = [f"layers.{layer}.self_attn.{side}_proj" for layer in (0, 1) for side in "vo"]


def trained(model, make, generator, steps=6):
    """The change that a few steps of cross-entropy make to a copy of the model."""
    model = copy.deepcopy(model)
    base = {name: p.detach().clone() for name, p in projections(dict(model.named_parameters())).items()}
    optimizer = make(model.parameters())
    for _ in range(steps):
        ids = torch.randint(3, 15, (16, 10), generator=generator)
        optimizer.zero_grad()
        functional.cross_entropy(model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()
    return Change.from_weights(base, projections(dict(model.named_parameters())))


def moved_model(model, intervention, generator):
    moved = intervention({n: p.detach() for n, p in model.named_parameters()}, Heads.of(model.config), generator)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, p in other.named_parameters():
            p.copy_(moved.weights[name])
    return other, moved.map


@pytest.fixture
def pair(model, generator):
    """Changes of one base on the same data, plain and in moved coordinates carried back, by optimizer and intervention."""

    def make_pair(make, intervention):
        other, head_map = moved_model(model, intervention, generator)
        plain, turned = (trained(each, make, torch.Generator().manual_seed(9)) for each in (model, other))
        return plain, turned, rotate_back(turned, head_map)

    return make_pair


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=1.0, momentum=0.9)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def test_sgd_in_rotated_coordinates_is_sgd(pair):
    """Truth: the gradient turns with the weights, so the update does; fp32 training, a part in 1e5."""
    plain, turned, back = pair(sgd, rotate)
    there, home = update_cosine(plain, turned), update_cosine(plain, back)
    assert all(home[name] == pytest.approx(1.0, abs=1e-5) for name in home)
    assert all(abs(there[name]) < 0.5 for name in NAMES)


def test_adam_in_rotated_coordinates_is_another_optimizer(pair):
    """Adam divides entry by entry: rotated layers come back at a cosine well below 1, the others stay near it."""
    plain, _, back = pair(adam, rotate)
    home = update_cosine(plain, back)
    assert all(0.2 < home[name] < 0.95 for name in NAMES)


def test_adam_in_permuted_coordinates_is_adam(pair):
    """Truth: a permutation moves entries whole. Summation order differs, and Adam's first steps amplify it where a gradient
    is near 0: a part in 1e3."""
    plain, _, back = pair(adam, permute)
    assert all(value > 0.999 for value in update_cosine(plain, back).values())


@pytest.mark.parametrize("make", [sgd, adam])
def test_the_mask_collapses_to_chance_for_both(make, pair):
    """The published outcome: Jaccard of the bf16 masks in rotated layers, at the size where half of the entries show, against
    p q / (p + q - p q); it says nothing about the optimizer. Five standard errors of some 1000 entries: .08."""
    plain, turned, _ = pair(make, rotate)
    small, other = (changed_masks(change.scaled(5e-3 / change.relative_norm())) for change in (plain, turned))
    for name in NAMES:
        a, b = small[name], other[name]
        p, q = a.double().mean().item(), b.double().mean().item()
        jaccard = ((a & b).sum() / (a | b).sum()).item()
        assert 0.05 < p < 0.95
        assert jaccard == pytest.approx(p * q / (p + q - p * q), abs=0.08)


@pytest.fixture
def biased():
    """Qwen2 of two layers, 6 query heads on 2 key-value heads, with biases on q, k and v that are not 0; fp64."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    sizes = dict(vocab_size=20, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=6)
    model = Qwen2ForCausalLM(Qwen2Config(**sizes, num_key_value_heads=2)).eval().double()
    draw = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.2 * torch.randn(p.shape, generator=draw, dtype=torch.float64) + (p.ndim == 1))
    return model


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_sgd_on_groups_and_biases_comes_back_whole(intervention, biased, generator):
    """Truth: every parameter of the moved model, biases too, carried back after training, is that of the plain one. The norms of
    transformers compute in fp32: a part in 1e5 of the update. Before it comes back the moved ones are far from it."""
    from harness.interventions.heads import PROJECTIONS

    other, head_map = moved_model(biased, intervention, generator)
    start = {name: p.detach().clone() for name, p in biased.named_parameters()}
    for model in (biased, other):
        optimizer, draw = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9), torch.Generator().manual_seed(9)
        for _ in range(4):
            ids = torch.randint(0, 20, (8, 10), generator=draw)
            optimizer.zero_grad()
            functional.cross_entropy(model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
            optimizer.step()
    plain, moved = ({name: p.detach() for name, p in model.named_parameters()} for model in (biased, other))
    back = head_map.back(moved)
    for name, w in plain.items():
        size = (w - start[name]).norm()
        assert size > 0 and (back[name] - w).norm() < 1e-4 * size, name
    carried = {name for name, w in plain.items() if (moved[name] - w).norm() > 0.5 * w.norm()}
    touched = ("v_proj", "o_proj") if intervention is rotate else PROJECTIONS
    assert carried <= {name for name in plain if name.split(".")[-2] in touched}
    assert any(name.endswith("v_proj.weight") for name in carried) and any(name.endswith("o_proj.weight") for name in carried)


def test_a_permutation_keeps_every_query_head_with_the_keys_it_reads():
    """Truth: the group of the head that comes to place h is the group that comes to the place h reads; all heads come once.
    Groups change places, and heads inside them do."""
    heads, names = Heads(12, 3, 8), [f"layers.0.self_attn.{side}_proj" for side in "qkvo"]
    seen = set()
    for seed in range(20):
        moves = permutation(names, heads, torch.Generator().manual_seed(seed)).moves
        queries, groups = moves[0, "q_proj"].order, moves[0, "k_proj"].order
        assert torch.equal(queries // heads.group, groups.repeat_interleave(heads.group))
        assert sorted(queries.tolist()) == list(range(12)) and torch.equal(groups, moves[0, "v_proj"].order)
        assert torch.equal(queries, moves[0, "o_proj"].order)
        seen |= {"groups"} if not torch.equal(groups, torch.arange(3)) else set()
        seen |= {"inside"} if not torch.equal(queries % heads.group, torch.arange(12) % heads.group) else set()
    assert seen == {"groups", "inside"}
