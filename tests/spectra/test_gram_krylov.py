from itertools import islice

import pytest
import torch

from harness.spectra.gram_krylov import blur, gram_passes
from harness.spectra.gram_values import symmetric_gram
from harness.spectra.principal_angles import principal_angles


def spiked(m, n, generator):
    u = torch.linalg.qr(torch.randn(m, 12, generator=generator)).Q
    v = torch.linalg.qr(torch.randn(n, 12, generator=generator)).Q
    return 0.02 * torch.randn(m, n, generator=generator) + (u * (4.0 * 0.8 ** torch.arange(12))) @ v.T


@pytest.mark.parametrize("shape", [(300, 180), (180, 300), (200, 200)], ids=str)
def test_the_first_passes_find_the_leading_triplets(shape, generator):
    w = spiked(*shape, generator).bfloat16()
    found = list(islice(gram_passes(w, symmetric_gram(w), 8, 24, 2), 3))
    u, s, vh = torch.linalg.svd(w.double(), full_matrices=False)
    assert torch.allclose(found[-1].S, s[:8], rtol=1e-9)
    for mine, true in ((found[-1].U, u[:, :8]), (found[-1].V, vh[:8].T)):
        assert principal_angles(mine, true)[-1] < 6e-5  # values are off by the angle's square times 1 - .8^2
    assert found[-1].residuals.max() <= found[0].residuals.max()


def test_a_start_nearby_is_better_than_none(generator):
    w = spiked(200, 150, generator)
    true = torch.linalg.svd(w.double(), full_matrices=False).Vh[:8].T
    warm, cold = (next(gram_passes(w, symmetric_gram(w), 8, 16, 1, start=start)) for start in (true, None))
    assert warm.residuals.max() < 1e-9 < cold.residuals.max()


def test_blur_bounds_what_an_fp32_gram_matrix_turns(generator):
    w = spiked(400, 300, generator)
    values = torch.linalg.svdvals(w.double())
    rough, exact = (torch.linalg.eigh(symmetric_gram(w, dtype).double()).eigenvectors[:, -6:] for dtype in (torch.float32, torch.float64))
    turned = principal_angles(rough, exact)[-1].item()
    assert 0 < turned <= blur(values, 6, torch.float32)
    assert blur(values, 6, torch.float64) < 1e-8 * blur(values, 6, torch.float32) * 10


def test_without_a_gap_everything_is_blurred():
    assert blur(torch.ones(4, dtype=torch.float64), 2, torch.float32) == float("inf")
