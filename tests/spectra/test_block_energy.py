import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, principal_energy, principal_enrichment


@pytest.mark.parametrize("m, n", [(12, 12), (18, 10), (10, 18)])
def test_it_is_the_sum_over_pairs_of_leading_vectors(m, n, noisy):
    """Truth: sum over i, j < k of (u_i . D v_j)^2, one pair at a time, with numpy's vectors."""
    change = noisy(m, n, 1e-2)
    u, _, vh = numpy.linalg.svd(change.base["w"].double().numpy())
    d = change.update["w"].numpy()
    energy = sum(float(u[:, i] @ d @ vh[j]) ** 2 for i in range(3) for j in range(3))
    share = energy / float((d**2).sum())
    assert principal_energy(change, k=3)["w"] == pytest.approx(share, rel=1e-11)
    assert principal_enrichment(change, k=3)["w"] == pytest.approx(share * m * n / 9, rel=1e-11)


def test_a_planted_share_is_recovered():
    """Truth: diagonal base, energy 9 in the leading 2 x 2 block, 16 elsewhere."""
    update = torch.zeros(4, 4, dtype=torch.float64)
    update[0, 1], update[1, 2] = 3.0, 4.0
    change = Change({"w": torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0]))}, {"w": update})
    assert principal_energy(change, k=2)["w"] == pytest.approx(9 / 25)
    assert principal_energy(change, fraction=0.5)["w"] == pytest.approx(9 / 25)
    assert principal_energy(change, k=3)["w"] == pytest.approx(1.0)


@pytest.mark.parametrize("m, n", [(256, 256), (512, 192)])
def test_noise_reads_one(m, n, noisy):
    """Limit: enrichment is chi^2 with k^2 degrees over k^2: spread sqrt(2) / k; five standard errors of 4 draws."""
    k = min(m, n) // 8
    values = [principal_enrichment(noisy(m, n, 1e-3))["w"] for _ in range(4)]
    assert numpy.mean(values) == pytest.approx(1.0, abs=5 * 2**0.5 / k / 4**0.5)


def test_the_whole_square_frame_holds_everything(noisy):
    """Limit: k = q on a square matrix."""
    change = noisy(20, 20, 1e-3)
    assert principal_energy(change, k=20)["w"] == pytest.approx(1.0, rel=1e-12)
    assert principal_enrichment(change, k=20)["w"] == pytest.approx(1.0, rel=1e-12)


def test_what_is_undefined_is_refused(noisy):
    with pytest.raises(MeasureError, match="the update of w is zero: the share of its energy is undefined"):
        principal_energy(noisy(4, 4, 0.0))
    with pytest.raises(MeasureError, match="k = 5 leading directions of a matrix that has 4"):
        principal_enrichment(noisy(4, 6, 1.0), k=5)
