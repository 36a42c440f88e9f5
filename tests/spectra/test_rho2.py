import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, principal_energy, rho2_u, rho2_uv, rho2_v


@pytest.mark.parametrize("m, n", [(12, 12), (18, 10), (10, 18)])
def test_they_are_sums_over_numpys_leading_vectors(m, n, noisy):
    """Truth: one vector at a time."""
    change = noisy(m, n, 1e-2)
    u, _, vh = numpy.linalg.svd(change.base["w"].double().numpy())
    d = change.update["w"].numpy()
    energy = (d**2).sum()
    assert rho2_u(change, k=3)["w"] == pytest.approx(sum(((u[:, i] @ d) ** 2).sum() for i in range(3)) / energy)
    assert rho2_v(change, k=3)["w"] == pytest.approx(sum(((d @ vh[i]) ** 2).sum() for i in range(3)) / energy)
    assert rho2_uv(change, k=3)["w"] == principal_energy(change, k=3)["w"]


def test_a_planted_share_is_recovered():
    """Truth: diagonal base; row 1 holds energy 9, row 2 holds 16, columns 2 and 3."""
    update = torch.zeros(4, 4, dtype=torch.float64)
    update[0, 1], update[1, 2] = 3.0, 4.0
    change = Change({"w": torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0]))}, {"w": update})
    assert [rho2_u(change, k=k)["w"] for k in (1, 2)] == pytest.approx([9 / 25, 1.0])
    assert [rho2_v(change, k=k)["w"] for k in (1, 2, 3)] == pytest.approx([0.0, 9 / 25, 1.0])
    assert [rho2_uv(change, k=k)["w"] for k in (1, 2, 3)] == pytest.approx([0.0, 9 / 25, 1.0])


@pytest.mark.parametrize("m, n", [(256, 256), (512, 192)])
def test_noise_reads_chance(m, n, noisy):
    """Limit: k/m and k/n, relative spread sqrt(2 / (k n)) and sqrt(2 / (k m)); five of them."""
    change, k = noisy(m, n, 1e-3), min(m, n) // 8
    assert rho2_u(change)["w"] == pytest.approx(k / m, rel=5 * (2 / (k * n)) ** 0.5)
    assert rho2_v(change)["w"] == pytest.approx(k / n, rel=5 * (2 / (k * m)) ** 0.5)


def test_what_is_undefined_is_refused(noisy):
    for share in (rho2_u, rho2_v, rho2_uv):
        with pytest.raises(MeasureError, match="the update of w is zero"):
            share(noisy(4, 4, 0.0))
        with pytest.raises(MeasureError, match="k = 5 leading directions"):
            share(noisy(4, 6, 1.0), k=5)
