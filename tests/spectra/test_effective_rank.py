import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.low_rank import low_rank
from harness.spectra import Change, energy_rank, entropy_rank, matrix_rank, participation_rank, stable_rank


def with_values(values: list[float], generator: torch.Generator, m: int = 20, n: int = 16) -> Change:
    q = [torch.linalg.qr(torch.randn(side, len(values), generator=generator, dtype=torch.float64)).Q for side in (m, n)]
    update = (q[0] * torch.tensor(values, dtype=torch.float64)) @ q[1].T
    return Change({"w": torch.ones(m, n)}, {"w": update})


def test_every_count_of_a_known_spectrum(generator):
    """Truth: by hand, of 4, 2, 2, 1."""
    change = with_values([4.0, 2.0, 2.0, 1.0], generator)
    assert stable_rank(change)["w"] == pytest.approx(25 / 16)
    assert participation_rank(change)["w"] == pytest.approx(25**2 / (256 + 16 + 16 + 1))
    q = numpy.array([4, 2, 2, 1]) / 9
    assert entropy_rank(change)["w"] == pytest.approx(numpy.exp(-(q * numpy.log(q)).sum()), rel=1e-5)
    assert [energy_rank(change, share)["w"] for share in (0.6, 0.7, 0.9, 0.97)] == [1, 2, 3, 4]
    assert matrix_rank(change)["w"] == 4


@pytest.mark.parametrize("m, n", [(40, 40), (60, 24)])
def test_they_are_numpys_counts_of_any_update(m, n, noisy):
    """Truth: another library's singular values, and torch's own rank of an fp32 matrix."""
    change = noisy(m, n, 1e-2)
    d = change.update["w"]
    s = numpy.linalg.svd(d.numpy(), compute_uv=False)
    q = s / s.sum()
    assert stable_rank(change)["w"] == pytest.approx((s**2).sum() / s[0] ** 2, rel=1e-9)
    assert entropy_rank(change)["w"] == pytest.approx(numpy.exp(-(q * numpy.log(q)).sum()), rel=1e-9)
    assert energy_rank(change)["w"] == int(numpy.searchsorted(numpy.cumsum(s**2) / (s**2).sum(), 0.99)) + 1
    assert matrix_rank(change)["w"] == torch.linalg.matrix_rank(d.float()).item()


def test_equal_values_use_all_directions(generator):
    """Limit: an orthogonal matrix has every rank equal to its side, its 99 % rank .99 of it."""
    change = with_values([3.0] * 16, generator)
    for rank in (stable_rank, participation_rank, entropy_rank, matrix_rank):
        assert rank(change)["w"] == pytest.approx(16)
    assert energy_rank(change, 0.49)["w"] == 8


@pytest.mark.parametrize("m, n, stable, spread", [(64, 64, 16.0, 1.0), (192, 64, 25.7, 0.9), (768, 256, 102.9, 1.3)])
def test_noise_reads_its_closed_form(m, n, stable, spread, noisy):
    """Limit: mn / (sqrt m + sqrt n)^2 to its finite-size offset (1.0, .8, 1.2 above, measured before) and mn / (m + n);
    five of the spreads measured there; .6, .4 and .3 for the participation ratio."""
    change = noisy(m, n, 1e-2)
    assert stable_rank(change)["w"] == pytest.approx(stable, abs=5 * spread + 1.2)
    assert participation_rank(change)["w"] == pytest.approx(m * n / (m + n), abs=5 * 0.6)


@pytest.mark.parametrize("relative, full", [(1e-3, 256), (1e-2, 200)], ids=["gated", "open"])
def test_storage_in_bf16_makes_a_low_rank_update_look_full(relative, full, noisy, generator):
    """Limit: true rank 8, read 8 in fp64; the difference of bf16 checkpoints has (nearly) every rank."""
    true = low_rank(noisy(256, 256, relative, on_grid=True), generator, rank=8)
    assert matrix_rank(true)["w"] == 8 >= stable_rank(true)["w"]
    assert energy_rank(true, 1 - 1e-9)["w"] == 8
    assert matrix_rank(true.seen_in("bf16"))["w"] >= full


def test_what_is_undefined_is_refused(noisy):
    for rank in (stable_rank, participation_rank, entropy_rank, energy_rank, matrix_rank):
        with pytest.raises(MeasureError, match="the update of w is zero: its rank is undefined"):
            rank(noisy(4, 4, 0.0))
    with pytest.raises(MeasureError, match="a share of 1.0 of the energy"):
        energy_rank(noisy(4, 4, 1.0), 1.0)
