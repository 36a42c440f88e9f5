"""A change with a trajectory to stand in for, and seeded generators."""

import pytest
import torch

from harness.spectra import Change


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(21)


@pytest.fixture
def arm(generator) -> Change:
    """Two matrices, one of them not square, with norms of their own at steps 0, 1 and 8."""
    base = {"v": 0.02 * torch.randn(48, 32, generator=generator), "o": 0.05 * torch.randn(32, 32, generator=generator)}
    end = {name: 1e-3 * torch.randn(w.shape, generator=generator).double() for name, w in base.items()}

    def at(factors: dict[str, float]) -> Change:
        return Change(base, {name: d * factors[name] for name, d in end.items()})

    road = [(0, {"v": 0.0, "o": 0.0}), (1, {"v": 0.1, "o": 0.3}), (8, {"v": 1.0, "o": 1.0})]
    trajectory = tuple((step, at(factors)) for step, factors in road)
    return Change(base, end, arm="sft", seed=4, trajectory=trajectory, capability={"addition": 0.5}, run_keys=("k",))
