import pytest
import torch
from harness.optimizers.stiefel import defect, deviation, symmetric, tangent
from torch import float64, linalg, randn

SHAPES = [(12, 5), (7, 7), (6, 1)]


def frame(m, q, seed=0):
    return linalg.qr(randn(m, q, generator=torch.Generator().manual_seed(seed), dtype=float64)).Q


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_projection_is_onto_the_kernel_of_the_constraint(shape):
    """Truth: the differential of X^T X - I, written out as a matrix on vec(Z), and its kernel's projector."""
    m, q = shape
    x, z = frame(m, q), randn(m, q, generator=torch.Generator().manual_seed(1), dtype=float64)
    columns = [(x.T @ e + e.T @ x).flatten() for e in torch.eye(m * q, dtype=float64).view(-1, m, q)]
    differential = torch.stack(columns, 1)
    projector = torch.eye(m * q, dtype=float64) - linalg.pinv(differential) @ differential
    torch.testing.assert_close(tangent(x, z).flatten(), projector @ z.flatten(), rtol=1e-12, atol=1e-12)
    assert round(projector.trace().item()) == m * q - q * (q + 1) // 2


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_tangent_vector_is_left_alone_and_a_normal_one_vanishes(shape):
    m, q = shape
    x, z = frame(m, q), randn(m, q, generator=torch.Generator().manual_seed(1), dtype=float64)
    inside = tangent(x, z)
    torch.testing.assert_close(tangent(x, inside), inside, rtol=1e-13, atol=1e-13)
    normal = x @ symmetric(z[:q])
    assert tangent(x, normal).abs().max() < 1e-14


def test_deviation_is_the_spread_of_the_singular_values():
    x = frame(12, 5) * torch.tensor([1.0, 1.0, 1.0, 1.0, 1.1], dtype=float64)
    assert deviation(x) == pytest.approx((1.1**2 - 1.0) / 5**0.5, rel=1e-12)
    assert defect(frame(12, 5)).abs().max() < 1e-15
    assert deviation(frame(12, 5)) < 1e-15
    assert deviation(frame(256, 256).bfloat16()) > 1e-3
