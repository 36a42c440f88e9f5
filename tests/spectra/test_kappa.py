import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, kappa, singular_values, spectral_drift_ratio
from harness.spectra.singular_values import rounding_error


@pytest.mark.parametrize("m, n", [(24, 24), (40, 24), (24, 40)])
def test_it_is_built_from_numpys_singular_values(m, n, noisy):
    """Truth: the formula, with another library's decompositions."""
    change = noisy(m, n, 1e-3)
    w0, d = change.base["w"].double().numpy(), change.update["w"].numpy()
    drift = numpy.linalg.svd(w0 + d, compute_uv=False) - numpy.linalg.svd(w0, compute_uv=False)
    ratio = numpy.linalg.norm(drift) / numpy.linalg.norm(d)
    assert spectral_drift_ratio(change)["w"] == pytest.approx(ratio, rel=1e-9)
    assert kappa(change)["w"] == pytest.approx(max(m, n) * ratio**2, rel=1e-9)


def test_first_order_it_is_the_diagonal_read_in_the_frame(noisy):
    """Truth at small updates: |diag(U^T D V)| / |D|_F, up to a second order of relative size / relative gap."""
    change = noisy(32, 32, 1e-8)
    u, _, vh = numpy.linalg.svd(change.base["w"].double().numpy())
    d = change.update["w"].numpy()
    first_order = numpy.linalg.norm(numpy.diag(u.T @ d @ vh.T)) / numpy.linalg.norm(d)
    assert spectral_drift_ratio(change)["w"] == pytest.approx(first_order, rel=1e-4)


@pytest.mark.parametrize("m, n", [(64, 64), (64, 172), (512, 192), (512, 512)])
def test_noise_reads_one_at_every_shape(m, n, noisy):
    """Limit: kappa is chi^2_q / q: mean 1, spread sqrt(2 / q); five standard errors of 6 draws."""
    values = [kappa(noisy(m, n, 1e-3))["w"] for _ in range(6)]
    assert numpy.mean(values) == pytest.approx(1.0, abs=5 * (2 / min(m, n)) ** 0.5 / 6**0.5)


@pytest.mark.parametrize("m, n", [(64, 64), (48, 96)])
def test_weight_decay_reads_the_longer_side(m, n, weights):
    """Limit: all of the update moves singular values; rounding of 1e-13 sigma_1 on shifts of 1e-3 sigma_i."""
    w = weights(m, n)
    change = Change({"w": w}, {"w": -1e-3 * w.double()})
    assert kappa(change)["w"] == pytest.approx(max(m, n), rel=1e-8)


def test_a_rotation_of_the_frame_reads_nothing(weights, generator):
    """Limit: a small orthogonal turn moves all weights and no singular value; what is left is their rounding error."""
    w = weights(32, 32)
    skew = torch.randn(32, 32, generator=generator, dtype=torch.float64)
    turned = torch.linalg.matrix_exp(1e-4 * (skew - skew.T)) @ w.double()
    change = Change.from_weights({"w": w}, {"w": turned})
    rounding = 2 * torch.linalg.vector_norm(rounding_error(singular_values(w))).item() / change.norm()["w"]
    assert spectral_drift_ratio(change)["w"] < rounding < 1e-6


def test_a_zero_update_has_no_ratio():
    change = Change.from_weights({"q": torch.ones(2, 2)}, {"q": torch.ones(2, 2)})
    with pytest.raises(MeasureError, match="the update of q is zero: the ratio of spectral drift .* is undefined; train"):
        kappa(change)
