"""Weights by name for the allocation's tests: seeded, never global."""

import pytest
import torch

from harness.spectra.content_cache import SHARED


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(31)


@pytest.fixture(autouse=True)
def empty_cache():
    """No test reads what another has left."""
    SHARED.clear()


@pytest.fixture
def planted(generator):
    """planted(m, n, rank, noise=0.01): values 1 down to .5 in `rank` directions over noise whose values are about `noise`."""

    def draw(m, n, rank, noise=0.01):
        u, v = (torch.linalg.qr(torch.randn(side, rank, generator=generator, dtype=torch.float64)).Q for side in (m, n))
        bulk = torch.randn(m, n, generator=generator, dtype=torch.float64) / (m**0.5 + n**0.5)
        return (u * torch.linspace(1, 0.5, rank, dtype=torch.float64)) @ v.T + noise * bulk

    return draw


@pytest.fixture
def spiked(generator):
    """spiked(m, n, size): Gaussian bulk whose largest value is about 1, and one spike of that size."""

    def draw(m, n, size=10.0):
        u, v = (
            torch.nn.functional.normalize(torch.randn(side, generator=generator, dtype=torch.float64), dim=0) for side in (m, n)
        )
        bulk = torch.randn(m, n, generator=generator, dtype=torch.float64) / (m**0.5 + n**0.5)
        return bulk + size * torch.outer(u, v)

    return draw
