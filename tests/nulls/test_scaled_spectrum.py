import pytest
import torch

from harness.nulls.scaled_spectrum import scaled_spectrum
from harness.spectra import Frame, kappa, spectral_drift_ratio, spectral_shifts


@pytest.mark.parametrize("size", [1e-2, 1.0, 30.0], ids="size={:g}".format)
def test_all_of_it_moves_singular_values_at_any_size(size, arm, generator):
    """Limit: rho = 1 and kappa = max(m, n): no two singular values cross, whatever the stretch."""
    planted = scaled_spectrum(arm.scaled(size), generator)
    assert dict(spectral_drift_ratio(planted)) == pytest.approx({"v": 1.0, "o": 1.0}, rel=1e-7)
    assert dict(kappa(planted)) == pytest.approx({"v": 48.0, "o": 32.0}, rel=1e-7)


def test_the_frames_stay_and_every_value_grows_by_its_own_share(arm, generator):
    """Truth: C is diagonal, d sigma / sigma falls with rank and spreads by at most 3 between .5 and 1.5."""
    planted = scaled_spectrum(arm, generator)
    for name, w0 in arm.base.items():
        c = Frame.of(w0).read(planted.update[name]).C
        assert (c - torch.diag(c.diagonal())).abs().max() < 1e-15
        shift = spectral_shifts(planted)[name]
        growth = shift.delta / shift.before
        assert (growth.diff() < 1e-9).all()
        assert 1.5 < growth[0] / growth[-1] <= 3.0
