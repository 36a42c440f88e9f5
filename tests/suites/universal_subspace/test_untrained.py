import torch
from suites.universal_subspace import untrained as module
from suites.universal_subspace.untrained import untrained


def test_fresh_models_differ_and_a_seed_repeats():
    first, again = (untrained(torch.Generator().manual_seed(0), 2) for _ in range(2))
    assert len(first) == 14 and all(stack.shape[0] == 2 for stack in first.values())
    assert all(torch.equal(stack, again[name]) and not torch.equal(*stack) for name, stack in first.items())


def test_common_parts_show(monkeypatch):
    """Six shapes of noise in the place of models."""
    drawn = torch.Generator().manual_seed(1)
    monkeypatch.setattr(module, "untrained", lambda rng: {"w": 0.02 * torch.randn(module.COUNT, 40, 50, generator=drawn)})
    rng = torch.Generator().manual_seed(0)
    assert abs(module.excess(rng, "untrained")["w"]) < 0.01
    assert abs(module.excess(rng, "gaussian")["w"]) < 0.01
    assert module.excess(rng, "common")["w"] > 0.02
