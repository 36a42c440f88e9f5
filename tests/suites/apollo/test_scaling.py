"""The ratio of scalings against its definition, written out, and its limits."""

from math import sqrt

import pytest
import torch
from suites.apollo.scaling import BETAS, EPS, farthest, law_ratio, made_up, projected_scaling


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (8, 8)], ids=str)
def test_the_ratio_is_that_of_two_adams(shape):
    """Truth: torch.optim.Adam's own state on G, and an update that is G with known columns' lengths."""
    g = seeded()
    stream = [torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(5)]
    parameter = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    optimizer = torch.optim.Adam([parameter], betas=BETAS, eps=EPS)
    for gradient in stream:
        parameter.grad = gradient.clone()
        optimizer.step()
    state = optimizer.state[parameter]
    n = (state["exp_avg"] / (1 - BETAS[0] ** 5)) / ((state["exp_avg_sq"] / (1 - BETAS[1] ** 5)).sqrt() + EPS)
    dim = 1 if shape[0] >= shape[1] else 0  # lengths run along the smaller side
    full = n.norm(dim=dim, keepdim=True) / stream[-1].norm(dim=dim, keepdim=True)
    lengths = torch.rand(full.shape, generator=g, dtype=torch.float64) + 0.5
    expected = (lengths / full).mean().item() / sqrt(3 / min(shape))
    assert law_ratio(stream, stream[-1] * lengths, 3) == pytest.approx(expected, rel=1e-6)


def test_the_ratio_of_a_tensor_is_one_number():
    """Closed form: after one step |N| = sqrt(m n), so U = c G has s^R / s = c |G| / sqrt(m n)."""
    gradient = torch.randn(6, 10, generator=seeded(), dtype=torch.float64)
    expected = 2.0 * gradient.norm().item() / sqrt(60) / sqrt(1 / 6)
    assert law_ratio([gradient], 2.0 * gradient, 1, kind="tensor") == pytest.approx(expected, rel=1e-6)


def test_all_of_the_dimensions_leave_nothing_to_scale():
    """Limit: an orthonormal P of full rank turns the gradient, whose columns keep their lengths: Adam's do too."""
    assert made_up(seeded(), (32, 64), 32, projector="stiefel") == pytest.approx(1.0, abs=0.1)


def test_farthest_reads_both_sides_alike():
    assert farthest([1.1, 0.8, 1.2]) == 0.8 and farthest([0.9, 1.2]) == 1.2


@pytest.mark.parametrize("shape", [(12, 8), (8, 12)], ids=str)
def test_the_scaled_projection_has_the_projections_rank(shape):
    gradient = torch.randn(shape, generator=seeded(), dtype=torch.float64)
    found = projected_scaling(gradient, 3, seeded())
    assert found.shape == shape and torch.linalg.matrix_rank(found) == 3
