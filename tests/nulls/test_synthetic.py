import pytest
import torch

from harness.nulls import decay, noise, sign_step
from harness.spectra import kappa, normalized_spectral_shift


def test_noise_has_the_stated_relative_size_in_every_matrix(arm, generator):
    made = noise(arm.base, 2e-3, generator)
    assert dict(made.relative_norm()) == pytest.approx({"v": 2e-3, "o": 2e-3}, rel=1e-12)
    assert (made.label, made.arm) == ("noise", "noise")


def test_decay_shifts_by_itself(arm):
    """Limit: NSS = d, kappa = max(m, n)."""
    made = decay(arm.base, 3e-3)
    assert dict(normalized_spectral_shift(made)) == pytest.approx({"v": 3e-3, "o": 3e-3}, rel=1e-9)
    assert dict(kappa(made)) == pytest.approx({"v": 48.0, "o": 32.0}, rel=1e-9)


def test_a_sign_step_moves_every_entry_by_the_learning_rate(arm, generator):
    for d in sign_step(arm.base, 1e-5, generator).update.values():
        assert set(d.flatten().tolist()) == {1e-5, -1e-5}


def test_stored_bases_are_read_without_rounding(arm, generator):
    base = {name: w.bfloat16() for name, w in arm.base.items()}
    made = noise(base, 1e-3, generator)
    assert all(torch.equal(made.base[name], w.float()) for name, w in base.items())


def test_a_seed_repeats(arm):
    first, again, other = (noise(arm.base, 1e-3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.update["v"], again.update["v"])
    assert not torch.equal(first.update["v"], other.update["v"])
