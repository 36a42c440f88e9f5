"""The problem on which GaLore stands still: its gradient, its noise, and the steps of each method on it."""

import pytest
import torch
from harness.errors import SpecError
from suites.golore.counterexample import LR, RANK, SIZE, final_gradient, problem

LIVE = SIZE - RANK


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(11)


def test_the_gradient_is_that_of_the_function(rng):
    """Truth: autograd on |A X|^2 / 2 + <B, X>."""
    drawn = problem(rng, steps=1)
    x = torch.randn(SIZE, SIZE, generator=rng, dtype=torch.float64).requires_grad_()
    a = torch.eye(LIVE, SIZE, dtype=torch.float64)
    value = (a @ x).square().sum() / 2 + (drawn.B * x).sum()
    torch.testing.assert_close(drawn.gradient(x.detach()), torch.autograd.grad(value, x)[0], rtol=0, atol=1e-15)


@pytest.mark.parametrize("batch", [1, 4, 5])
@pytest.mark.parametrize("noise", ["block", "isotropic"])
def test_noise_has_no_mean_and_the_same_energy(rng, noise, batch):
    """Limit: |noise|^2 is r / batch on average, whatever its shape, and its mean is 0; 4000 draws."""
    found = problem(rng, batch=batch, noise=noise, steps=4000).noise
    energy = found.square().sum((1, 2)).mean().item()
    assert energy == pytest.approx(RANK / batch, rel=0.1)
    assert torch.linalg.vector_norm(found.mean(0)).item() < 4 * (energy / 4000) ** 0.5
    assert bool((found[:, :LIVE] == 0.0).all()) is (noise == "block")


@pytest.mark.parametrize(("batch", "least"), [(1, 1.0), (4, 0.0), (5, 0.2), (65, 1 / 65)])
def test_signs_cancel_in_even_batches_alone(rng, batch, least):
    """Truth: the smallest |mean| of an odd number of signs is one over it."""
    found = problem(rng, batch=batch).noise[:, -1, -1].abs()
    assert found.min().item() == pytest.approx(least)
    assert found.max().item() <= 1.0


def test_sgd_ends_at_rounding(rng):
    """Truth: every step takes 2 % of the true gradient, (1 - .02)^2000 = 3e-18 of 6; the noise is in other rows."""
    assert final_gradient(rng, "sgd") < 1e-12


def test_a_still_subspace_leaves_what_it_does_not_hold():
    """Truth: with P fixed, the gradient's part outside of it stays, and noise of one block cannot bring it back."""
    stays = final_gradient(torch.Generator().manual_seed(3), "random", refresh=None)
    start = problem(torch.Generator().manual_seed(3))
    first = torch.linalg.vector_norm(start.gradient(start.start)).item()
    assert 0.2 * first < stays < 1.5 * first


def test_sgd_under_isotropic_noise_ends_at_its_noise_ball():
    """Limit: each entry is an autoregression of variance lr s^2 / (2 - lr), s = sqrt(r) / n: a norm of .155 over 60 entries."""
    found = [final_gradient(torch.Generator().manual_seed(seed), "sgd", noise="isotropic") for seed in range(8)]
    expected = (LIVE * SIZE * LR / (2 - LR) * RANK / SIZE**2) ** 0.5
    assert sum(x**2 for x in found) / 8 == pytest.approx(expected**2, rel=0.2)


def test_the_same_generator_repeats_bit_for_bit():
    first, second, other = (final_gradient(torch.Generator().manual_seed(seed), "golore") for seed in (5, 5, 6))
    assert first == second != other


@pytest.mark.parametrize("wrong", [dict(batch=0), dict(noise="pink"), dict(method="adam")], ids=str)
def test_what_is_not_known_is_refused(rng, wrong):
    with pytest.raises(SpecError):
        final_gradient(rng, **wrong)
