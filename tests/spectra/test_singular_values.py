from math import log10

import pytest
import torch

from harness.spectra import Change, singular_values, spectral_shifts
from harness.spectra.singular_values import rounding_error, update_values

SHAPES = [(64, 64), (64, 172), (172, 64), (1, 7), (384, 576)]


def with_spectrum(values: torch.Tensor, m: int, n: int, generator: torch.Generator) -> torch.Tensor:
    q = len(values)
    u = torch.linalg.qr(torch.randn(m, q, generator=generator, dtype=torch.float64)).Q
    v = torch.linalg.qr(torch.randn(n, q, generator=generator, dtype=torch.float64)).Q
    return (u * values) @ v.T


@pytest.mark.parametrize("m, n", SHAPES)
def test_they_are_the_positive_eigenvalues_of_the_doubled_matrix(m, n, weights):
    """Truth: the eigenvalues of [[0, W], [W^T, 0]] are +-sigma, an independent road without squaring."""
    w = weights(m, n).double()
    doubled = torch.zeros(m + n, m + n, dtype=torch.float64)
    doubled[:m, m:], doubled[m:, :m] = w, w.T
    truth = torch.linalg.eigvalsh(doubled).flip(0)[: min(m, n)]
    values = singular_values(w)
    assert ((values - truth).abs() <= rounding_error(values)).all()


@pytest.mark.parametrize("condition", [1, 1e3, 9e4, 2e5, 1e12], ids="condition={:g}".format)
@pytest.mark.parametrize("m, n", SHAPES)
def test_the_stated_error_holds_against_svdvals(m, n, condition, generator):
    """Limit: at any condition, on the Gram road and beyond it. svdvals itself may err by q eps sigma_1."""
    q = min(m, n)
    matrix = with_spectrum(torch.logspace(0, -log10(condition), q, dtype=torch.float64), m, n, generator)
    truth, values = torch.linalg.svdvals(matrix), singular_values(matrix)
    slack = q * torch.finfo(torch.float64).eps * truth[0]
    assert ((values - truth).abs() <= rounding_error(values) + slack).all()
    assert (rounding_error(values) <= 2e-9 * truth[0]).all()


def test_a_rank_deficient_matrix_keeps_its_zeros_small(generator):
    """The Gram road would read 1e-8 where the truth is 0."""
    matrix = with_spectrum(torch.ones(5, dtype=torch.float64), 40, 30, generator)
    assert singular_values(matrix)[5:].max() < 1e-14
    assert singular_values(torch.zeros(3, 4)).tolist() == [0.0, 0.0, 0.0]


def test_spectra_are_computed_once_per_change(noisy):
    change = noisy(16, 8, 1e-2)
    shifts = spectral_shifts(change)
    assert spectral_shifts(change) is shifts
    again = Change({"w": change.base["w"].clone()}, change.update)
    assert spectral_shifts(again)["w"].before is shifts["w"].before
    assert torch.equal(spectral_shifts(again)["w"].after, shifts["w"].after)
    assert torch.equal(shifts["w"].delta, shifts["w"].after - shifts["w"].before)
    assert update_values(change) is update_values(change)
    assert torch.equal(update_values(change)["w"], singular_values(change.update["w"]))
