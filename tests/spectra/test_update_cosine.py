import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change
from harness.spectra.update_cosine import update_cosine


@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.7, 3.14159], ids="angle={:g}".format)
def test_a_planted_angle_is_recovered(angle, noisy, generator):
    """Truth: an update turned by an angle inside a plane."""
    change = noisy(24, 16, 1e-2)
    d = change.update["w"]
    other = torch.randn(24, 16, generator=generator).double()
    other -= (other * d).sum() / d.square().sum() * d
    other *= d.norm() / other.norm()
    a = torch.tensor(angle).double()
    turned = Change(change.base, {"w": 5 * (a.cos() * d + a.sin() * other)})
    assert update_cosine(change, turned)["w"] == pytest.approx(a.cos().item(), abs=1e-14)


def test_independent_noise_meets_at_zero(noisy):
    """Limit: five standard errors 1 / sqrt(mn)."""
    assert abs(update_cosine(noisy(128, 64, 1e-2), noisy(128, 64, 1e-1))["w"]) < 5 / (128 * 64) ** 0.5


def test_what_is_undefined_is_refused(noisy):
    change = noisy(8, 8, 1e-2)
    with pytest.raises(MeasureError, match="w has no counterpart of shape"):
        update_cosine(change, noisy(8, 4, 1e-2))
    with pytest.raises(MeasureError, match="the update of w is zero"):
        update_cosine(change, Change(change.base, {"w": torch.zeros(8, 8).double()}))
