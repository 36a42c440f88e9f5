import pytest
import torch

from harness.nulls import apply
from harness.spectra import isospectral_distance, normalized_spectral_shift


@pytest.mark.parametrize("shape", [(30, 20), (20, 20)], ids=str)
def test_it_is_the_distance_of_the_spectra_and_that_of_the_nearest_point(shape, noisy):
    """Truth: LAPACK's values; U_W S0 V_W^T is as far."""
    change = noisy(*shape, 1e-2)
    w0, w = change.base["w"].double(), change.base["w"].double() + change.update["w"]
    s0, (u, s, vh) = torch.linalg.svdvals(w0), torch.linalg.svd(w, full_matrices=False)
    found = isospectral_distance(change)["w"]
    assert found == pytest.approx(torch.linalg.vector_norm(s - s0).item(), rel=1e-9)
    assert found == pytest.approx(torch.linalg.vector_norm(w - (u * s0) @ vh).item(), rel=1e-9)
    assert found == pytest.approx(normalized_spectral_shift(change)["w"] * torch.linalg.vector_norm(s0).item(), rel=1e-9)


def test_a_rotation_has_none_and_a_stretch_has_all(noisy, generator):
    change = noisy(20, 20, 1e-3)
    size = change.norm()["w"]
    assert isospectral_distance(apply("tilt", change, generator))["w"] < 1e-6 * size
    assert isospectral_distance(apply("scaled_spectrum", change, generator))["w"] == pytest.approx(size, rel=1e-6)
    assert isospectral_distance(change.scaled(0.0))["w"] == 0.0
