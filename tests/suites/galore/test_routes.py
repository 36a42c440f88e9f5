"""Routes to a leading space: each finds a planted one, and one of them finds another at every seed where there is no gap."""

import pytest
import torch
from harness.errors import SpecError
from suites.galore.routes import ROUTES, overlap_of_two_seeds, space, spiked


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("route", ROUTES)
def test_a_planted_space_is_found(route):
    """Truth: the SVD's, on a matrix with a gap behind the 8th value."""
    matrix = spiked(rng(), gapped=True, size=160, k=8)
    exact = torch.linalg.svd(matrix.double(), full_matrices=False)
    found = space(route, matrix, 8, seed=1)
    for a, b in ((found.left, exact.U[:, :8]), (found.right, exact.Vh[:8].T)):
        assert (a.T @ b).square().sum().item() / 8 == pytest.approx(1.0, abs=1e-6)


def test_the_spectrum_is_that_of_the_recipe():
    """Limit: spikes over noise sigma read sqrt((1 + s^2)(1 + 1 / s^2)) sigma sqrt(n), s the spike in those units."""
    values, spike = torch.linalg.svdvals(spiked(rng(), size=512).double()), 16 * 0.02 * 512**0.5
    s = spike / (0.02 * 512**0.5)
    assert values[0].item() == pytest.approx(spike * ((1 + s**-2) ** 2) ** 0.5, rel=0.02)


def test_two_seeds_of_svd_lowrank_differ_and_leave_the_global_generator_alone():
    matrix, before = spiked(rng(), size=512), torch.get_rng_state()
    assert overlap_of_two_seeds("svd_lowrank", matrix, rng(1)) < 0.95
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_route_is_a_sentence():
    with pytest.raises(SpecError, match="unknown route 'power'"):
        space("power", torch.eye(4), 1, 0)
