from itertools import pairwise

import pytest
import torch
from torch import nn

from harness.errors import SpecError
from harness.interventions import MASKS, restrict, sparse_masks
from harness.spectra import low_mask, principal_mask


@pytest.fixture
def weights(generator):
    """A square, a wide and an odd matrix."""
    shapes = {"q": (32, 32), "k": (16, 40), "odd": (7, 9)}
    return {name: 0.02 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5], ids="fraction={:g}".format)
def test_every_mask_holds_the_same_number_of_entries(fraction, weights, generator):
    counts = {which: {n: int(m.sum()) for n, m in sparse_masks(weights, which, generator, fraction).items()} for which in MASKS}
    assert all(a == b for a, b in pairwise(counts.values()))
    assert counts["random"] == {n: min(round(fraction * w.numel()), w.numel() // 2) for n, w in weights.items()}


@pytest.mark.parametrize("fraction", [0.1, 0.5], ids="fraction={:g}".format)
def test_masks_lie_in_the_sets_they_are_named_after(fraction, weights, generator):
    """Truth: the sets of harness.spectra.masks, which have tests of their own."""
    drawn = {which: sparse_masks(weights, which, generator, fraction)["q"] for which in MASKS}
    principal, low = principal_mask(weights["q"], fraction), low_mask(weights["q"], fraction)
    assert torch.equal(drawn["principal"], principal) and torch.equal(drawn["low"], low)
    assert not (drawn["complement"] & principal).any()
    assert not (drawn["safe"] & principal & ~low).any()
    assert fraction < 0.5 or torch.equal(drawn["complement"], ~principal)


def test_draws_are_uniform_over_their_set(generator):
    """Limit: over many draws every allowed entry is taken equally often; five standard errors, the largest of 256 entries.
    The set of "safe" holds low and principal entries both, so that a draw by rank would show."""
    w, draws = {"w": torch.randn(16, 16, generator=generator)}, 400
    allowed = ~principal_mask(w["w"], 0.25) | low_mask(w["w"], 0.25)
    taken = sum(sparse_masks(w, "safe", generator, 0.25)["w"].double() for _ in range(draws)) / draws
    share = 64 / allowed.sum().item()
    assert (taken[~allowed] == 0).all()
    assert (taken[allowed] - share).abs().max() < 5 * (share * (1 - share) / draws) ** 0.5


def test_a_seed_repeats_whatever_the_order_of_the_matrices(weights):
    turned = dict(reversed(weights.items()))
    first, second = (sparse_masks(w, "random", torch.Generator().manual_seed(2)) for w in (weights, turned))
    assert list(first) == list(weights) and all(torch.equal(first[name], second[name]) for name in weights)


def test_masks_that_cannot_be_drawn_are_said(weights, generator):
    with pytest.raises(SpecError, match="unknown sparse mask 'high'"):
        sparse_masks(weights, "high", generator)
    with pytest.raises(SpecError, match="at most at .5"):
        sparse_masks(weights, "low", generator, 0.6)
    with pytest.raises(SpecError, match="leaves no entry of odd to train"):
        sparse_masks({"odd": weights["odd"]}, "low", generator, 1e-3)
    with pytest.raises(SpecError, match=r"b has shape \(3,\): sparse masks are for 2-D weights"):
        sparse_masks({"b": torch.ones(3)}, "low", generator)


OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "adamw_fused": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1, fused=True),
    "adam_l2": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1),
}


class TwoLayers(nn.Module):
    """Two matrices, a bias and a norm, with a loss that moves them all."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.inner, self.outer, self.norm = nn.Linear(12, 10), nn.Linear(10, 4, bias=False), nn.LayerNorm(12)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator))

    def loss(self, x):
        return self.outer(torch.tanh(self.inner(self.norm(x)))).square().mean()


def steps(module, optimizer, generator, count=5):
    for _ in range(count):
        optimizer.zero_grad()
        module.loss(torch.randn(8, 12, generator=generator)).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_masked_entries_do_not_move_and_have_no_moments(make, generator):
    """Weight decay, momentum and clipping leak nothing; under the mask everything moves."""
    module = TwoLayers(generator)
    start = {name: p.detach().clone() for name, p in module.named_parameters()}
    matrices = {"inner": module.inner.weight, "outer": module.outer.weight}
    masks = sparse_masks(matrices, "random", generator)
    optimizer = make(module.parameters())
    restrict(optimizer, matrices, masks)
    steps(module, optimizer, generator)
    for name, mask in masks.items():
        assert torch.equal(matrices[name] != start[f"{name}.weight"], mask)
        for value in optimizer.state[matrices[name]].values():
            assert not isinstance(value, torch.Tensor) or value.ndim == 0 or not value[~mask].any()
    for name in ("inner.bias", "norm.weight", "norm.bias"):
        assert torch.equal(dict(module.named_parameters())[name], start[name])


def test_masked_entries_move_as_if_the_others_were_constants(generator):
    """Truth: AdamW on a vector of the entries under the mask alone, with the others fixed by hand."""
    module = TwoLayers(generator)
    matrix, fixed = module.outer.weight, module.outer.weight.detach().clone()
    mask = sparse_masks({"outer": matrix}, "principal", generator)["outer"]
    free = fixed[mask].requires_grad_()
    inputs = [torch.randn(8, 12, generator=generator) for _ in range(6)]
    oracle = torch.optim.AdamW([free], lr=1e-2, weight_decay=0.1)
    for x in inputs:
        oracle.zero_grad()
        outer = fixed.masked_scatter(mask, free)
        (torch.tanh(module.inner(module.norm(x))).detach() @ outer.T).square().mean().backward()
        oracle.step()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0.1)
    restrict(optimizer, {"outer": matrix}, {"outer": mask})
    for x in inputs:
        optimizer.zero_grad()
        module.loss(x).backward()
        optimizer.step()
    # one step of Adam divides rounding by rounding where a gradient is near 0: 6 steps of 1e-2, a part in 1e4
    torch.testing.assert_close(matrix[mask].detach(), free.detach(), rtol=0, atol=6e-6)
    assert torch.equal(matrix[~mask], fixed[~mask])


def test_an_all_true_mask_with_free_others_changes_no_bit(generator):
    first, second = (TwoLayers(torch.Generator().manual_seed(5)) for _ in range(2))
    both = [torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0.1) for module in (first, second)]
    everything = {"outer": torch.ones_like(second.outer.weight, dtype=torch.bool)}
    restrict(both[1], {"outer": second.outer.weight}, everything, others="free")
    for module, optimizer in zip((first, second), both, strict=True):
        steps(module, optimizer, torch.Generator().manual_seed(6))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_restriction_can_be_removed(generator):
    module = TwoLayers(generator)
    start, optimizer = module.outer.weight.detach().clone(), torch.optim.SGD(module.parameters(), lr=0.1)
    masks = {"outer": torch.zeros_like(start, dtype=torch.bool)}
    restriction = restrict(optimizer, {"outer": module.outer.weight}, masks)
    steps(module, optimizer, generator, 1)
    assert torch.equal(module.outer.weight, start)
    restriction.remove()
    steps(module, optimizer, generator, 1)
    assert (module.outer.weight != start).all()


def test_a_restriction_that_would_leak_is_refused(generator):
    module = TwoLayers(generator)
    matrices = {"outer": module.outer.weight}
    masks = sparse_masks(matrices, "random", generator)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    with pytest.raises(SpecError, match="parameters and masks differ in outer"):
        restrict(optimizer, {}, masks)
    with pytest.raises(SpecError, match="'held' or 'free', not 'frozen'"):
        restrict(optimizer, matrices, masks, others="frozen")
    with pytest.raises(SpecError, match=r"the mask of outer must be a bool tensor of shape \(4, 10\)"):
        restrict(optimizer, matrices, {"outer": masks["outer"].float()})
    with pytest.raises(SpecError, match="outer is not a parameter of the optimizer"):
        restrict(torch.optim.SGD([module.inner.weight], lr=1.0), matrices, masks)
    steps(module, optimizer, generator, 1)
    with pytest.raises(SpecError, match="has already made a step"):
        restrict(optimizer, matrices, masks)
