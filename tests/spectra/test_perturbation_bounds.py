import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, ky_fan_slack, mirsky_slack, spectral_shifts, weyl_slack
from harness.spectra.perturbation_bounds import ky_fan, mirsky, weyl
from harness.spectra.singular_values import singular_values

SLACKS = [weyl_slack, mirsky_slack, ky_fan_slack]


@pytest.mark.parametrize("m, n", [(24, 24), (40, 16), (16, 40)])
@pytest.mark.parametrize("relative", [1e-3, 1.0], ids="relative={:g}".format)
def test_slacks_are_the_theorems_written_out(m, n, relative, noisy):
    """Truth: numpy's singular values, index by index. Rounding grants up to 1e-8."""
    change = noisy(m, n, relative)
    w0, d = change.base["w"].double().numpy(), change.update["w"].numpy()
    before, after, own = (numpy.linalg.svd(w, compute_uv=False) for w in (w0, w0 + d, d))
    shift = abs(after - before)
    q = min(m, n)
    fan = [1 - abs(sum(after[:k]) - sum(before[:k])) / sum(own[:k]) for k in range(1, q + 1)]
    assert weyl_slack(change)["w"] == pytest.approx(min(1 - shift / own[0]), abs=1e-8)
    assert mirsky_slack(change)["w"] == pytest.approx(1 - sum(shift**2) / sum(own**2), abs=1e-8)
    assert ky_fan_slack(change)["w"] == pytest.approx(min(fan), abs=1e-8)


@pytest.mark.parametrize("relative", [1e-6, 1e-3, 1.0, 1e3], ids="relative={:g}".format)
@pytest.mark.parametrize("slack", SLACKS, ids=lambda f: f.__name__)
def test_no_update_breaks_a_theorem(slack, relative, weights, generator):
    """Limit: noise, decay, rank one, along the frame and against it, square or not: never below 0."""
    for m, n in [(8, 8), (33, 20), (20, 64)]:
        w = weights(m, n)
        u, s, vh = torch.linalg.svd(w.double(), full_matrices=False)
        updates = [
            torch.randn(m, n, generator=generator).double(),
            -w.double(),
            torch.outer(u[:, 0], vh[0]),
            -torch.outer(u[:, -1], vh[-1]),
            u @ vh,
            (u * s.flip(0)) @ vh,
            torch.outer(torch.randn(m, generator=generator), torch.randn(n, generator=generator)).double(),
        ]
        size = relative * torch.linalg.vector_norm(w.double())
        for update in updates:
            change = Change({"w": w}, {"w": update * (size / torch.linalg.vector_norm(update))})
            assert 0.0 <= slack(change)["w"] <= 1.0 + 1e-12


@pytest.mark.parametrize("slack", SLACKS, ids=lambda f: f.__name__)
def test_weight_decay_meets_every_bound(slack, weights):
    """Limit: D = -d W0 is the case of equality; what is left is the rounding that was granted."""
    w = weights(64, 48)
    assert 0.0 <= slack(Change({"w": w}, {"w": -1e-3 * w.double()}))["w"] < 1e-7


def test_noise_leaves_mirsky_all_but_one_part_in_the_longer_side(noisy):
    """Limit: 1 - kappa / max(m, n) with kappa = 1, spread sqrt(2 / q): five of them."""
    m, n = 256, 192
    assert mirsky_slack(noisy(m, n, 1e-3))["w"] == pytest.approx(1 - 1 / m, abs=5 * (2 / n) ** 0.5 / m)


@pytest.mark.parametrize("slack", [weyl, mirsky, ky_fan], ids=lambda f: f.__name__)
def test_spectra_that_no_update_could_have_moved_so_far_read_negative(slack, noisy):
    """The measure can fail: a shift of 1 % above the bound is seen."""
    change = noisy(32, 32, 1e-3)
    own = singular_values(change.update["w"])
    shift = spectral_shifts(change)["w"]
    power = 2 if slack is mirsky else 1
    assert slack(shift._replace(after=shift.before + 1.01 * own), own) == pytest.approx(1 - 1.01**power, rel=1e-4)


def test_a_zero_update_is_refused(noisy):
    for slack in SLACKS:
        with pytest.raises(MeasureError, match="the update of w is zero"):
            slack(noisy(4, 4, 0.0))
