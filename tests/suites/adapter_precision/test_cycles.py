"""Merging and unmerging in a format: against a simulation by hand, in the limit, and what the prediction says."""

import pytest
import torch
from harness.errors import SpecError
from harness.spectra import Change
from suites.adapter_precision.cycles import RANK, Adapters, adapters, drifted, layers_of, reached, wrapped


@pytest.fixture
def arm():
    draw = torch.Generator().manual_seed(0)
    base = {f"m{i}": (torch.randn(24, 32, generator=draw) / 5).bfloat16().float() for i in range(2)}
    update = {name: 0.02 * torch.randn(24, 32, generator=draw).double() for name in base}
    return Change(base, update, arm="rlvr", seed=0)


def by_hand(w, d, dtype, *, safe):
    """One cycle in torch: the sum of a low and an fp32 tensor is taken in fp32 and rounded once."""
    low = w.to(dtype)
    a = (low.float() + (d.to(dtype).float() if safe else d)).to(dtype)
    return (a.float() - d.to(dtype).float()).to(dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("safe", [False, True], ids="safe={}".format)
def test_one_cycle_is_two_roundings(arm, dtype, safe):
    given = adapters(arm, 0.3)
    found = drifted(given, str(dtype).removeprefix("torch."), safe=safe)
    start = torch.cat([w0.flatten() for w0 in given.base.values()])
    expected = by_hand(start, found.update.float(), dtype, safe=safe)
    assert torch.equal(found.after, expected.double()) and torch.equal(found.before, start.double())
    assert (found.after != found.before).any()


def test_an_adapter_is_the_leading_part_at_its_size(arm):
    given = adapters(arm, 0.25)
    for name, d in given.update.items():
        assert torch.linalg.matrix_rank(d) == RANK
        assert d.norm() == pytest.approx(0.25 * arm.base[name].double().norm().item())
        u, s, vh = torch.linalg.svd(arm.update[name])
        part = (u[:, :RANK] * s[:RANK]) @ vh[:RANK]
        assert (adapters(arm, None).update[name] - part).abs().max() < 1e-12
    for layer, d in zip(layers_of(wrapped(given, "bf16")), given.update.values(), strict=True):
        assert (layer.get_delta_weight("default").double() - d).abs().max() < 1e-6


def test_a_drawn_one_has_the_shapes_and_sizes_and_nothing_else(arm):
    given = adapters(arm, 0.25, torch.Generator().manual_seed(1))
    for name, w0 in given.base.items():
        assert w0.shape == arm.base[name].shape and not torch.equal(w0, arm.base[name])
        assert torch.equal(w0.bfloat16().float(), w0)
        assert given.update[name].norm() == pytest.approx(0.25 * arm.base[name].double().norm().item())


def test_only_reached_weights_change_in_a_safe_cycle(arm):
    """And most of those that are reached by more than a tie do."""
    found = drifted(adapters(arm, 0.3), "bf16", safe=True)
    changed, hit = found.after != found.before, reached(found, "bf16")
    assert not (changed & ~hit).any() and 0.3 < (changed & hit).double().sum() / hit.double().sum() <= 1.0


def test_a_still_safe_adapter_settles_and_a_growing_one_does_not(arm):
    given = adapters(arm, 0.3)
    two, ten = (drifted(given, "bf16", cycles, safe=True).after for cycles in (2, 10))
    assert torch.equal(two, ten)
    assert drifted(given, "bf16", 10, "grows").rms > 1.5 * drifted(given, "bf16").rms


def test_nothing_added_is_nothing_lost(arm):
    """Limit: an update of zero."""
    given = Adapters(arm.base, {name: torch.zeros_like(d) for name, d in arm.update.items()})
    assert drifted(given, "bf16", 3).rms == 0.0


def test_the_only_two_ways_to_move(arm):
    with pytest.raises(SpecError, match="unknown move 'jumps' of an adapter: use one of still, grows"):
        drifted(adapters(arm, None), "bf16", 2, "jumps")
