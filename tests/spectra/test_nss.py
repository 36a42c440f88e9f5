import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, normalized_spectral_shift


@pytest.mark.parametrize("m, n", [(24, 24), (40, 24), (24, 40)])
@pytest.mark.parametrize("relative", [1e-6, 1e-3, 1.0], ids="relative={:g}".format)
def test_it_is_the_shift_of_numpys_singular_values(m, n, relative, noisy):
    """Truth: two decompositions by another library, subtracted. 2e-16 / 1e-6 leaves nine digits."""
    change = noisy(m, n, relative)
    w0, d = change.base["w"].double().numpy(), change.update["w"].numpy()
    before, after = (numpy.linalg.svd(w, compute_uv=False) for w in (w0, w0 + d))
    truth = numpy.linalg.norm(after - before) / numpy.linalg.norm(before)
    assert normalized_spectral_shift(change)["w"] == pytest.approx(truth, rel=1e-8)


def test_planted_shift_of_a_diagonal_matrix():
    """Truth: diag(3, 4) -> diag(3, 4.5) shifts by .5 of 5."""
    change = Change.from_weights({"w": torch.diag(torch.tensor([3.0, 4.0]))}, {"w": torch.diag(torch.tensor([3.0, 4.5]))})
    assert normalized_spectral_shift(change)["w"] == pytest.approx(0.1, rel=1e-14)


def test_singular_values_are_paired_by_rank_not_by_place():
    """Truth: a permutation of rows moves every weight and no singular value."""
    w = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    assert normalized_spectral_shift(Change.from_weights({"w": w}, {"w": w.flip(0)}))["w"] < 1e-15


@pytest.mark.parametrize("d", [1e-6, 3e-3, 0.5], ids="d={:g}".format)
def test_weight_decay_shifts_by_itself(d, weights):
    """Limit: W0 -> (1 - d) W0 gives NSS = d; 2e-16 / 1e-6 leaves nine digits."""
    w = weights(48, 64)
    assert normalized_spectral_shift(Change({"w": w}, {"w": -d * w.double()}))["w"] == pytest.approx(d, rel=1e-8)


@pytest.mark.parametrize("m, n", [(256, 256), (512, 192)])
def test_noise_shifts_by_its_size_over_the_root_of_the_longer_side(m, n, noisy):
    """Limit: NSS = relative / sqrt(max(m, n)), with relative spread sqrt(2 / q) / 2; five standard errors of 4 draws."""
    values = [normalized_spectral_shift(noisy(m, n, 1e-3))["w"] for _ in range(4)]
    assert numpy.mean(values) == pytest.approx(1e-3 / max(m, n) ** 0.5, rel=5 * (2 / min(m, n)) ** 0.5 / 2 / 4**0.5)


def test_no_update_is_no_shift_and_no_base_is_refused():
    w = torch.ones(2, 3)
    zero = torch.zeros(2, 3)
    assert normalized_spectral_shift(Change.from_weights({"w": w}, {"w": w}))["w"] == 0.0
    with pytest.raises(MeasureError, match="the base of w is zero"):
        normalized_spectral_shift(Change.from_weights({"w": zero}, {"w": w}))


def test_a_run_is_read_through_its_change(noisy):
    class Run:
        def __init__(self, change):
            self._change = change

        def change(self):
            return self._change

    change = noisy(8, 8, 1e-2)
    assert normalized_spectral_shift(Run(change)) == normalized_spectral_shift(change)
