import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.effective_rank import energy_rank_of, entropy_rank_of, stable_rank_of
from harness.spectra.spectral_density import SpectralDensity


def decaying(m, n, generator):
    return torch.randn(m, n, generator=generator) * torch.exp(-torch.arange(n) / (n / 4))


def low_rank(m, n, generator):
    return torch.randn(m, 8, generator=generator) @ torch.randn(8, n, generator=generator) + 0.01 * torch.randn(m, n, generator=generator)


def noise(m, n, generator):
    return torch.randn(m, n, generator=generator) * 1e-4


@pytest.mark.parametrize("shape", [(600, 600), (900, 400), (400, 900)], ids=str)
@pytest.mark.parametrize("make", [noise, decaying, low_rank])
def test_ranks_are_within_the_error_stated(make, shape, generator):
    matrix = make(*shape, generator)
    values = torch.linalg.svdvals(matrix.double())
    density = SpectralDensity.of(matrix)
    for found, truth in (
        (density.stable_rank(), stable_rank_of(values)),
        (density.entropy_rank(), entropy_rank_of(values)),
        (density.energy_rank(), energy_rank_of(values)),
    ):
        # Twice a standard error holds 95 times in a hundred: half of it again for nine cases of three, and one count of rounding.
        assert abs(found.value - truth) <= 1.5 * found.error + 0.01 * truth + 1
        assert found.error < 0.35 * truth


def test_the_columns_stand_for_all_eigenvalues(generator):
    density = SpectralDensity.of(noise(300, 200, generator))
    assert torch.allclose(density.full.weights.sum(0), torch.ones(16, dtype=torch.float64), atol=1e-6)
    assert density.n * (density.full.weights.mean(1) * density.full.nodes).sum().item() == pytest.approx(1.0, rel=0.05)


def test_a_rank_one_matrix_has_rank_one(generator):
    matrix = torch.outer(torch.randn(80, generator=generator), torch.randn(60, generator=generator))
    density = SpectralDensity.of(matrix)
    assert density.stable_rank().value == pytest.approx(1.0, abs=1e-5)
    assert density.energy_rank() == (1.0, 0.0)


@pytest.mark.parametrize("rank", [8, 64])
def test_the_directions_of_an_adapter_are_counted(rank, generator):
    matrix = torch.linalg.qr(torch.randn(500, rank, generator=generator)).Q @ torch.linalg.qr(torch.randn(400, rank, generator=generator)).Q.T
    density = SpectralDensity.of(matrix)
    assert density.energy_rank().value == rank
    assert density.stable_rank().value == pytest.approx(rank, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 5)], ids=str)
def test_fewer_columns_than_the_block_are_read_whole(shape, generator):
    matrix = torch.randn(shape, generator=generator)
    values = torch.linalg.svdvals(matrix.double())
    assert SpectralDensity.of(matrix).stable_rank().value == pytest.approx(stable_rank_of(values), rel=1e-3)


def test_a_zero_update_has_no_rank():
    with pytest.raises(MeasureError, match="is zero"):
        SpectralDensity.of(torch.zeros(4, 4))


def test_a_seed_repeats(generator):
    matrix = noise(200, 100, generator)
    first, again, other = (SpectralDensity.of(matrix, seed).entropy_rank().value for seed in (1, 1, 2))
    assert first == again != other
