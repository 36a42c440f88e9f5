import pytest
import torch
from harness.spectra.kfac import KroneckerFactors, factor_rank, kfac_alignment
from suites.welore.kronecker import drawn, swapped

NAMES = [f"layers.{i}.{kind}" for i in range(3) for kind in ("mlp.up_proj", "self_attn.q_proj")]


def steep(size, generator):
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
    return (basis * torch.logspace(0, -8, size, dtype=torch.float64)) @ basis.T


@pytest.fixture
def factors():
    generator = torch.Generator().manual_seed(2)
    return {name: KroneckerFactors(steep(12, generator), steep(20, generator), 100) for name in NAMES}


def test_second_moments_are_the_factors(factors):
    """Truth: the mean of D D^T over draws is tr(A) G."""
    generator = torch.Generator().manual_seed(3)
    one = {NAMES[0]: factors[NAMES[0]]}
    draws = [drawn(one, generator)[NAMES[0]] for _ in range(2000)]
    mean = sum(d @ d.T for d in draws) / len(draws)
    expected = one[NAMES[0]].A.trace() * one[NAMES[0]].G
    assert torch.linalg.matrix_norm(mean - expected) < 0.06 * torch.linalg.matrix_norm(expected)


def test_drawn_gradients_align_with_their_factors_and_not_with_others(factors):
    gradients = drawn(factors, torch.Generator().manual_seed(4))
    own, other = (kfac_alignment(gradients, each, 3) for each in (factors, swapped(factors)))

    def mean(overlap):
        return sum(overlap.values()) / len(NAMES)

    assert mean(own.left) > 0.7 and mean(own.right) > 0.7
    assert mean(other.left) < 0.35 and mean(other.right) < 0.45  # chance 3/20 and 3/12


def test_a_flat_curvature_gives_noise(factors):
    flat = {name: each._replace(A=torch.eye(12).double(), G=torch.eye(20).double()) for name, each in factors.items()}
    gradient = drawn(flat, torch.Generator().manual_seed(5))[NAMES[0]]
    assert gradient.std().item() == pytest.approx(1.0, abs=0.15)
    assert factor_rank(flat)[NAMES[0]] == pytest.approx((12 * 20) ** 0.5)


def test_swapping_is_a_derangement_within_the_module(factors):
    found = swapped(factors)
    for name, each in found.items():
        source = next(other for other in NAMES if factors[other] is each)
        assert source != name and source.split(".", 2)[2] == name.split(".", 2)[2]
    assert len({id(each) for each in found.values()}) == len(NAMES)


def test_a_seed_repeats(factors):
    one, two = (drawn(factors, torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in NAMES)
