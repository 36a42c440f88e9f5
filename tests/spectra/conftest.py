"""Random matrices for the measures' tests: seeded, never global."""

import pytest
import torch

from harness.spectra import Change
from harness.spectra.content_cache import SHARED


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(20)


@pytest.fixture(autouse=True)
def empty_cache():
    """No test reads what another has left."""
    SHARED.clear()


@pytest.fixture
def weights(generator):
    """Gaussian weights of a usual size, fp32; on the bf16 grid if asked."""

    def draw(m: int, n: int, on_grid: bool = False) -> torch.Tensor:
        w = 0.02 * torch.randn(m, n, generator=generator)
        return w.bfloat16().float() if on_grid else w

    return draw


@pytest.fixture
def noisy(generator, weights):
    """A change of one matrix "w" by isotropic noise of relative size `relative`."""

    def draw(m: int, n: int, relative: float, on_grid: bool = False) -> Change:
        base = weights(m, n, on_grid)
        update = torch.randn(m, n, generator=generator).double()
        update *= relative * torch.linalg.vector_norm(base.double()) / torch.linalg.vector_norm(update)
        return Change({"w": base}, {"w": update})

    return draw
