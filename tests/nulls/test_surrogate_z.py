import pytest
import torch

from harness.errors import MeasureError, SpecError
from harness.nulls import haar, haar_z, surrogate_z
from harness.nulls.off_principal import off_principal
from harness.nulls.principal_block import principal_block
from harness.spectra import rho2_u, rho2_uv


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_is_a_distance_in_standard_deviations(arm):
    """Truth: the same draws by hand."""
    generator = seeded()
    draws = torch.tensor([rho2_u(haar(arm, generator), k=3)["v"] for _ in range(20)], dtype=torch.float64)
    z = (rho2_u(arm, k=3)["v"] - draws.mean().item()) / draws.std().item()
    assert haar_z(arm, "rho2_u", seeded(), k=3)["v"] == pytest.approx(z)
    assert dict(haar_z(arm, rho2_u, seeded(), k=3)) == dict(surrogate_z(arm, "rho2_u", "haar", seeded(), k=3))


def test_noise_spreads_as_t_does(arm, generator):
    """Limit: 60 arms of noise, two matrices: mean 0, variance (n - 1) / (n - 3) (1 + 1/n) at n = 12 draws, 1.32. Standard
    errors of 120 values: 1.15 / 11 and, with t_11's kurtosis 3.86, 1.32 sqrt(2.86 / 120); five each."""
    values = [z for _ in range(60) for z in haar_z(haar(arm, generator), "rho2_u", generator, draws=12).values()]
    sample = torch.tensor(values, dtype=torch.float64)
    assert abs(sample.mean().item()) < 5 * 1.15 / 120**0.5
    assert sample.var().item() == pytest.approx(11 / 9 * 13 / 12, abs=5 * 1.32 * (2.86 / 120) ** 0.5)


def test_what_was_planted_is_on_its_side(arm, generator):
    for measure in ("rho2_u", "rho2_v", "rho2_uv"):
        assert min(haar_z(principal_block(arm, generator), measure, generator).values()) > 4
    for measure in ("rho2_u", "rho2_v"):
        assert max(haar_z(off_principal(arm, generator), measure, generator).values()) < -2
    assert rho2_uv(off_principal(arm, generator))["o"] < 1e-20


def test_what_has_no_z_is_refused(arm, generator):
    with pytest.raises(MeasureError, match="stable_rank of .* is the same on every draw of haar"):
        haar_z(arm, "stable_rank", generator)
    with pytest.raises(MeasureError, match="unknown measure 'rho2u': did you mean 'rho2_u'"):
        haar_z(arm, "rho2u", generator)
    with pytest.raises(MeasureError, match="two draws or more, not 1"):
        haar_z(arm, "rho2_u", generator, draws=1)
    with pytest.raises(SpecError, match="unknown null or plant 'har'"):
        surrogate_z(arm, "rho2_u", "har", generator)
