import pytest
import torch

from harness.nulls.stored_noise import noise_added, norm_before_rounding
from harness.spectra.difference import difference
from harness.spectra.difference import norm as norm_of


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(4)


def test_noise_has_the_norm_asked_for(generator):
    w0 = torch.randn(300, 200, generator=generator)
    noisy = noise_added(w0, 0.5, torch.float64, generator)
    assert norm_of(difference(w0, noisy)) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("relative", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_after_rounding_the_norm_is_the_one_that_was_read(relative, dtype, generator):
    """An update of noise is met again: the size found is that which it had before it was stored."""
    w0 = (0.02 * torch.randn(700, 600, generator=generator)).to(dtype)
    true = relative * norm_of(w0)
    seen = norm_of(difference(w0, noise_added(w0, true, dtype, generator)))
    found = norm_before_rounding(w0, seen, dtype, generator)
    assert found == pytest.approx(true, rel=0.03)
    again = norm_of(difference(w0, noise_added(w0, found, dtype, generator)))
    assert again == pytest.approx(seen, rel=0.05)  # at 1e-4 two entries in a hundred move, and a few of them carry the norm
