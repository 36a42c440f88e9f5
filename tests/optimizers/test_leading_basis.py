import time

import pytest
import torch
from harness.optimizers.leading_basis import exact_basis, leading_basis, spectrum


def with_spectrum(m, n, values, seed=0):
    """A matrix of these singular values, fp32."""
    g = torch.Generator().manual_seed(seed)
    q = min(m, n)
    u, v = (torch.linalg.qr(torch.randn(side, q, generator=g, dtype=torch.float64)).Q for side in (m, n))
    return ((u * values) @ v.T).float()


def shared(p, gradient, rank):
    """Overlap with the leading subspace of an fp64 SVD."""
    u = torch.linalg.svd(gradient.double(), full_matrices=False)[0][:, :rank]
    return (u.T @ torch.linalg.qr(p.double()).Q).square().sum().item() / rank


def spectra(q):
    i = torch.arange(1, q + 1, dtype=torch.float64)
    flat = torch.ones(q) + 0.1 * i.flip(0) / q
    return {"1/i": 1 / i, "i^-3": i**-3, "i^-.5": i**-0.5, "exp": torch.exp(-16 * i / q), "flat": flat}


@pytest.mark.parametrize("shape", [(64, 96), (96, 64), (320, 320), (256, 640)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", ["1/i", "i^-3", "i^-.5", "exp", "flat"], ids="spectrum={}".format)
def test_the_subspace_is_that_of_a_full_svd(name, shape):
    """At r = a/4 and a/16; .999 is the bound, the loss is below 1e-5 but where the values are nearly equal."""
    q = min(shape)
    gradient = with_spectrum(*shape, spectra(q)[name])
    gradient = gradient.T if shape[0] > shape[1] else gradient
    for rank in (q // 4, q // 16):
        p = leading_basis(gradient, rank)
        assert p.dtype == torch.float32 and p.shape == (q, rank)
        assert shared(p, gradient, rank) > 1 - 1e-4
        torch.testing.assert_close(p.T @ p, torch.eye(rank), rtol=0, atol=2e-5)


def test_columns_are_singular_vectors_in_order_and_not_just_a_basis():
    gradient = with_spectrum(200, 300, 0.9 ** torch.arange(200, dtype=torch.float64))
    u = torch.linalg.svd(gradient.double(), full_matrices=False)[0][:, :20]
    assert ((u * leading_basis(gradient, 20).double()).sum(0).abs() > 1 - 1e-5).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e18, 1e30], ids="scale={:g}".format)
def test_gradients_of_any_size_have_a_basis(scale):
    """fp32 squares of 1e-25 are 0, those of 1e20 infinite."""
    gradient = with_spectrum(150, 200, 0.9 ** torch.arange(150, dtype=torch.float64))
    assert shared(leading_basis(scale * gradient, 10), gradient, 10) > 0.9999


@pytest.mark.parametrize("rank", [1, 5, 40], ids="rank={}".format)
@pytest.mark.parametrize("kind", ["zero", "rank one", "identity", "one column"])
def test_gradients_that_have_too_few_directions_still_give_an_orthonormal_basis(kind, rank):
    gradient = {
        "zero": torch.zeros(40, 50),
        "rank one": torch.ones(40, 50),
        "identity": torch.eye(40),
        "one column": torch.ones(40, 1),
    }[kind]
    for p in (leading_basis(gradient, rank), exact_basis(gradient, rank)):
        torch.testing.assert_close(p.T @ p, torch.eye(rank), rtol=0, atol=1e-5)
    if kind == "rank one":
        torch.testing.assert_close(leading_basis(gradient, rank)[:, 0].abs(), torch.full((40,), 40**-0.5))


def test_the_gradient_is_left_as_it_was():
    gradient = torch.randn(140, 90, generator=torch.Generator().manual_seed(0))
    kept = gradient.clone()
    for each in (gradient, gradient.T):
        leading_basis(each, 8)
        spectrum(each)
    assert torch.equal(gradient, kept)


def test_exact_is_lapacks_svd_with_its_signs():
    gradient = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    u, _, vh = torch.linalg.svd(gradient, full_matrices=False)
    assert torch.equal(exact_basis(gradient, 6), u[:, :6])
    assert torch.equal(exact_basis(gradient.T, 6), vh[:6].T)


def test_the_spectrum_is_the_whole_of_it():
    gradient = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    found = spectrum(gradient.T)
    torch.testing.assert_close(found.S, torch.linalg.svdvals(gradient.double()), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.U.T @ gradient.T.double() @ gradient.double() @ found.U, found.S.square().diag())


def test_a_refresh_is_cheaper_than_an_svd():
    """Half at 512 x 1024, measured .18: a bound that a busy machine keeps. Both run before the clock starts."""
    gradient = torch.randn(512, 1024, generator=torch.Generator().manual_seed(0))
    ways = {"ours": lambda: leading_basis(gradient, 64), "svd": lambda: torch.linalg.svd(gradient, full_matrices=False)}
    spent = {}
    for name, way in ways.items():
        way()
        began = time.process_time()
        way()
        spent[name] = time.process_time() - began
    assert spent["ours"] < spent["svd"] / 2
