import pytest
import torch

from harness.nulls.weight_decay import weight_decay
from harness.spectra import kappa, normalized_spectral_shift


def test_every_matrix_shrinks_along_itself(arm):
    decayed = weight_decay(arm)
    d = arm.relative_norm()
    for name, w0 in arm.base.items():
        assert torch.allclose(decayed.update[name], -d[name] * w0.double(), rtol=1e-12)


def test_its_signature_is_known_in_closed_form(arm):
    """Limit: NSS = d and kappa = max(m, n); rounding of 1e-13 sigma_1 on shifts of 2 % of sigma_i."""
    decayed = weight_decay(arm)
    assert dict(normalized_spectral_shift(decayed)) == pytest.approx(dict(arm.relative_norm()), rel=1e-9)
    assert dict(kappa(decayed)) == pytest.approx({"v": 48.0, "o": 32.0}, rel=1e-9)


def test_it_draws_nothing(arm, generator):
    before = generator.get_state()
    weight_decay(arm, generator)
    assert torch.equal(generator.get_state(), before)
