from itertools import pairwise

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.marchenko_pastur import (
    law,
    noise_energy,
    noise_entropy_rank,
    noise_nuclear_rank,
    noise_participation,
    noise_stable_rank,
)

SHAPES = [(64, 64), (192, 64), (64, 192), (1000, 10), (7, 1)]


@pytest.mark.parametrize("m, n", SHAPES)
def test_the_law_has_its_closed_moments(m, n):
    """Truth: the moments 1, 1, 1 + r of the law; so its participation ratio is mn / (m + n), its edge the stable rank's."""
    nodes, weights = law(m, n)
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-3 if m == n else 1e-9)
    assert (weights * nodes).sum().item() == pytest.approx(1.0, rel=1e-9)
    second = (weights * nodes.square()).sum().item()
    assert second == pytest.approx(1 + min(m, n) / max(m, n), rel=1e-9)
    assert min(m, n) / second == pytest.approx(noise_participation(m, n), rel=1e-9)
    assert min(m, n) / nodes[0].item() == pytest.approx(noise_stable_rank(m, n), rel=1e-5)


@pytest.mark.parametrize("m, n", [(256, 256), (384, 128)])
def test_noise_reads_it(m, n, generator):
    """Limit: one draw of a matrix large enough, to 1 %; the stable rank, whose edge is rough, to 4 %."""
    s = torch.linalg.svdvals(torch.randn(m, n, generator=generator, dtype=torch.float64))
    p, q = s.square() / s.square().sum(), s / s.sum()
    assert torch.special.entr(q).sum().exp().item() == pytest.approx(noise_entropy_rank(m, n), rel=0.01)
    assert torch.special.entr(p).sum().exp().item() == pytest.approx(noise_entropy_rank(m, n, "energy"), rel=0.01)
    assert (s.sum().square() / s.square().sum()).item() == pytest.approx(noise_nuclear_rank(m, n), rel=0.01)
    assert (1 / p[0]).item() == pytest.approx(noise_stable_rank(m, n), rel=0.06)
    for k in (1, 8, min(m, n) // 4, min(m, n) // 2):
        assert p[:k].sum().item() == pytest.approx(noise_energy(m, n, k), rel=0.04 if k <= 8 else 0.015)


def test_energy_runs_from_above_its_share_to_all():
    shares = [noise_energy(48, 32, k) for k in range(1, 33)]
    assert shares[-1] == pytest.approx(1.0, abs=1e-9)
    assert all(a < b for a, b in pairwise(shares))
    assert all(share > k / 32 for k, share in enumerate(shares[:-1], start=1))
    assert noise_energy(1000, 1, 1) == pytest.approx(1.0)


def test_too_many_directions_are_refused():
    with pytest.raises(MeasureError, match="k = 9 directions of a 8 x 20 matrix: choose k between 1 and 8"):
        noise_energy(8, 20, 9)
