from math import inf, log

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.kl_bounds import binary_kl, clip_bound, norm_bound, tilted_rate


@pytest.mark.parametrize("beta", [0.05, 0.5, 1.0, 20.0], ids="beta={:g}".format)
def test_a_tilt_is_the_normalised_exponential(beta, generator):
    """Truth: a policy over 9 answers, 3 of them right, tilted and normalised answer by answer."""
    q = torch.rand(9, generator=generator).double().softmax(0)
    reward = torch.tensor([1.0] * 3 + [0.0] * 6).double()
    tilted = (q.log() + reward / beta).softmax(0)
    before, after = q[:3].sum().item(), tilted[:3].sum().item()
    assert tilted_rate(before, beta) == pytest.approx(after, rel=1e-12)
    divergence = (tilted * (tilted / q).log()).sum().item()
    assert binary_kl(after, before) == pytest.approx(divergence, abs=1e-14, rel=1e-10)


def test_a_tilt_has_its_limits():
    assert tilted_rate(0.0, 0.1) == 0.0 and tilted_rate(1.0, 0.1) == 1.0
    assert tilted_rate(0.3, 1e9) == pytest.approx(0.3, abs=1e-9)
    assert tilted_rate(0.3, 1e-4) == 1.0


def test_no_policy_pays_less_than_the_binary_divergence(generator):
    """Limit: data processing, on random pairs of policies; equality for a tilt, see above."""
    for _ in range(200):
        q, p = torch.randn(2, 6, generator=generator).double().softmax(-1)
        assert binary_kl(p[:2].sum().item(), q[:2].sum().item()) <= (p * (p / q).log()).sum().item() + 1e-15


def test_binary_kl_at_the_edges():
    assert binary_kl(0.4, 0.4) == 0.0
    assert binary_kl(1.0, 0.5) == log(2)
    assert binary_kl(0.5, 0.0) == inf and binary_kl(0.5, 1.0) == inf
    assert binary_kl(0.0, 0.0) == 0.0


@pytest.mark.parametrize("low, high, worst", [(0.2, 0.2, -log(0.8)), (0.2, 0.28, log(1.28)), (0.0, 0.0, 0.0)])
def test_clip_bound_takes_the_worse_side(low, high, worst):
    assert clip_bound(4.0, low, high) == 4.0 * worst


def test_clipped_ratios_stay_within_the_bound(generator):
    """Limit: policies whose ratio to the base is clipped by construction have a smaller divergence."""
    for _ in range(200):
        q = torch.randn(8, generator=generator).double().softmax(-1)
        ratio = 0.8 + 0.48 * torch.rand(8, generator=generator).double()
        p = q * ratio
        p[-1] = 1 - p[:-1].sum()
        if 0.8 <= p[-1] / q[-1] <= 1.28:
            assert (p * (p / q).log()).sum().item() <= clip_bound(1.0, 0.2, 0.28)


def test_norm_bound_inverts_the_quadratic():
    assert norm_bound(0.5 * 3.0 * 0.2**2, 3.0) == pytest.approx(0.2)
    assert norm_bound(0.02, 0.0) == inf
    assert norm_bound(0.0, 1.0) == 0.0


def test_what_is_undefined_is_refused():
    with pytest.raises(MeasureError, match="bound nothing"):
        clip_bound(1.0, 1.0, 0.2)
    with pytest.raises(MeasureError, match="a tilt of temperature 0"):
        tilted_rate(0.5, 0)
    with pytest.raises(MeasureError, match="a success rate of 1.2"):
        binary_kl(1.2, 0.5)
    with pytest.raises(MeasureError, match="neither may be negative"):
        norm_bound(-1e-9, 1.0)
