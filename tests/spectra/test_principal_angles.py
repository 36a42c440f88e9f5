from math import acos, cos, pi, sin, sqrt

import pytest
import scipy.linalg
import torch
from torch import float64, randn

from harness.errors import MeasureError
from harness.spectra import principal_angles


@pytest.mark.parametrize("theta", [0.0, 1e-6, 0.5, pi / 4, pi / 2], ids="theta={:g}".format)
def test_planted_tilt_is_recovered(theta, generator):
    """Truth: one basis vector tilted out of the span gives 0, ..., 0, theta."""
    basis = torch.linalg.qr(randn(64, 9, generator=generator, dtype=float64)).Q
    a, outside = basis[:, :8], basis[:, 8]
    b = a.clone()
    b[:, 0] = cos(theta) * a[:, 0] + sin(theta) * outside
    assert principal_angles(a, b).tolist() == pytest.approx([0.0] * 7 + [theta], abs=1e-12)


@pytest.mark.parametrize("k, l", [(5, 5), (3, 7), (7, 3), (12, 12)])
def test_bases_of_any_width_agree_with_scipy(k, l, generator):
    """Truth: another library, on bases that are neither orthonormal nor equally long."""
    a, b = randn(12, k, generator=generator, dtype=float64), 10 * randn(12, l, generator=generator, dtype=float64)
    truth = sorted(scipy.linalg.subspace_angles(a.numpy(), b.numpy()))
    assert principal_angles(a, b).tolist() == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("m", [256, 1024, 4096], ids="m={}".format)
def test_random_spaces_meet_at_chance(m, generator, k=32):
    """Limit: independent spaces share mean cos^2 = k/m, spread sqrt(2) / k relative; five standard errors."""
    a, b = randn(2, m, k, generator=generator)
    overlap = principal_angles(a, b).cos().square().mean().item()
    assert overlap == pytest.approx(k / m, rel=5 * sqrt(2) / k)


def test_identical_spaces_read_rounding_where_arccos_in_fp32_does_not(generator):
    """Limit: fp64 rounding in the sine; the trap of the module's opening, beside it."""
    a = torch.linalg.qr(randn(512, 64, generator=generator)).Q
    turned = a @ torch.linalg.qr(randn(64, 64, generator=generator)).Q
    assert principal_angles(a.double(), a.double() @ torch.eye(64, dtype=float64).flip(0))[-1] < 1e-13
    fp32 = acos(min(1.0, torch.linalg.svdvals(a.T @ turned)[-1].item()))
    assert principal_angles(a, turned)[-1] < 2e-6 < 2e-4 < fp32


def test_what_is_undefined_is_refused():
    one = torch.ones(4, 1)
    with pytest.raises(MeasureError, match="length 4 and 3 span no common space"):
        principal_angles(one, torch.ones(3, 1))
    with pytest.raises(MeasureError, match="2 columns of a basis are dependent"):
        principal_angles(one, torch.ones(4, 2))
    with pytest.raises(MeasureError, match="columns of a basis are dependent"):
        principal_angles(one, torch.zeros(4, 1))
    with pytest.raises(MeasureError, match="5 columns of length 4 are dependent"):
        principal_angles(one, torch.ones(4, 5))
    with pytest.raises(MeasureError, match="not finite"):
        principal_angles(one, one * float("nan"))
