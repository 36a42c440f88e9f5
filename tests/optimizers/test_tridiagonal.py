import numpy as np
import pytest
import torch
from harness.optimizers.tridiagonal import Tridiagonal, _separate, tridiagonal, twisted
from scipy.linalg import eigh, eigh_tridiagonal


def symmetric(values, seed=0, dtype=np.float32):
    """A matrix of these eigenvalues, column-major, its lower triangle made useless."""
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(len(values), len(values), generator=g, dtype=torch.float64)).Q.numpy()
    full = (q * np.asarray(values, dtype=float)) @ q.T
    return np.asfortranarray(np.triu(full) + np.tril(np.full_like(full, 9.0), -1)).astype(dtype, order="F")


SPECTRA = {"1/i": 1 / np.arange(1, 201), "arithmetic": np.arange(1.0, 201), "signed": np.linspace(-1, 1, 200)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["fp32", "fp64"])
@pytest.mark.parametrize("name", SPECTRA, ids="spectrum={}".format)
def test_vectors_are_those_of_lapack_largest_first(name, dtype):
    gram = symmetric(SPECTRA[name], dtype=dtype)
    values, vectors = eigh(np.triu(gram) + np.triu(gram, 1).T)
    found = tridiagonal(gram)
    near = 1e-5 if dtype == np.float32 else 1e-11
    assert np.allclose(found.values, values, atol=near * values[-1])
    z = found.vectors(30)
    assert z.shape == (200, 30) and z.dtype == torch.from_numpy(gram).dtype
    assert (np.abs((z.numpy() * vectors[:, :-31:-1]).sum(0)) > 1 - near).all()
    assert np.allclose(z.T @ z, np.eye(30), atol=near)


@pytest.mark.parametrize("a", [2, 10, 52], ids="a={}".format)
def test_all_vectors_of_a_second_difference(a):
    """Closed form: sqrt(2 / (a + 1)) sin(j k pi / (a + 1)), eigenvalues 2 + 2 cos(k pi / (a + 1)) of T = tridiag(1, 2, 1)."""
    k = np.arange(1, a + 1)
    z = twisted(np.full(a, 2.0), np.ones(a - 1), 2 + 2 * np.cos(k * np.pi / (a + 1)))
    wanted = np.sqrt(2 / (a + 1)) * np.sin(np.outer(k, k) * np.pi / (a + 1))
    assert np.allclose(np.abs((z * wanted).sum(0)), 1.0, atol=1e-12)


def test_a_pivot_of_zero_is_no_answer():
    """An eigenvalue equal to the first entry: its vector starts with 1, 0, and the ratio of the two is lost."""
    diagonal, beside, none = np.zeros(5), np.ones(4), torch.zeros(0)
    assert not np.isfinite(twisted(diagonal, beside, np.zeros(1))).all()
    assert Tridiagonal(diagonal, beside, none, none, np.zeros(1)).vectors(1) is None


def test_vectors_that_end_in_one_corner_do_not_underflow_into_nan():
    diagonal, beside = np.linspace(0, 1e4, 600), np.full(599, 1e-3)
    values, vectors = eigh_tridiagonal(diagonal, beside)
    z = twisted(diagonal, beside, values[-40:])
    assert np.allclose(np.abs((z * vectors[:, -40:]).sum(0)), 1.0)


@pytest.mark.parametrize("values", [np.zeros(150), np.ones(150), np.repeat([1.0, 2.0], 75)], ids=["zero", "identity", "two"])
def test_equal_eigenvalues_have_no_answer(values):
    assert tridiagonal(symmetric(values, dtype=np.float64)).vectors(40) is None


def test_one_close_pair_is_made_orthogonal():
    values = np.linspace(1.0, 2.0, 150)
    values[-5] = values[-4] - 3e-12
    z = tridiagonal(symmetric(values, dtype=np.float64)).vectors(10)
    assert np.allclose(z.T @ z, np.eye(10), atol=1e-6)


def test_neighbours_are_separated_and_worse_is_refused():
    z = np.eye(6)[:, :3].copy()
    z[0, 1] = 1e-4
    assert _separate(z) and abs(z[:, 0] @ z[:, 1]) < 1e-12
    z[0, 2] = 1e-4
    assert not _separate(z)
    z[0, 2] = np.nan
    assert not _separate(z)


def test_many_vectors_are_made_in_blocks():
    values = np.linspace(1.0, 2.0, 700)
    gram = symmetric(values)
    z = tridiagonal(gram).vectors(600)
    assert torch.allclose(z.T @ z, torch.eye(600), atol=1e-5)
