"""The descent of Lemma 3.3 against its closed form, its controls, and the mixture that its proof forgets."""

import pytest
import torch
from harness.errors import SpecError
from suites.galore.lemma import Problem, course, drawn, gradients, pair


def draw(seed=0, *args, **options):
    return drawn(torch.Generator().manual_seed(seed), *args, **options)


def test_the_operator_is_the_mean_of_products():
    """Truth: vec of (A - sum of B W C) / N, with the same draws in the same order."""
    rng, (m, n) = torch.Generator().manual_seed(3), (3, 4)
    problem = draw(3, shape=(m, n), terms=2)

    def gaussian(*size):
        return torch.randn(*size, generator=rng, dtype=torch.float64)

    triples = [(gaussian(m, m), gaussian(n, n), gaussian(m, n)) for _ in range(2)]
    w = gaussian(m, n)
    found = sum(a - (b @ b.T / m + 0.05 * torch.eye(m)) @ w @ (c @ c.T / n + 0.05 * torch.eye(n)) for b, c, a in triples) / 2
    assert torch.allclose(gradients(problem, 1)[0], found, atol=1e-14)


def test_the_descent_is_a_power_of_its_operator():
    problem = draw(shape=(3, 4))
    seen = gradients(problem, 6)
    step = torch.eye(12, dtype=torch.float64) - problem.rate * problem.operator
    fifth = torch.linalg.matrix_power(step, 5) @ seen[0].T.reshape(-1)
    assert torch.allclose(seen[5].T.reshape(-1), fifth, atol=1e-14)


def test_it_stops_where_the_gradient_has_vanished():
    problem = draw(shape=(3, 4))
    seen = gradients(problem)
    assert 1 < len(seen) < 3000 and seen[-1].norm() < 1e-8 * seen[0].norm()


def test_a_flat_operator_leaves_the_rank_as_it_was():
    seen = course(draw(0, "flat"))
    assert seen.ranks.tolist() == pytest.approx([seen.ranks[0].item()] * len(seen.ranks), abs=1e-9)
    assert seen.bound.tolist() == pytest.approx([seen.parallel] * len(seen.ranks), abs=1e-9)


def test_a_decomposable_flat_direction_ends_at_rank_one():
    seen = course(draw(0, "decomposable", gap=0.1))
    assert seen.parallel == pytest.approx(1.0, abs=1e-9) and seen.ranks[-1].item() == pytest.approx(1.0, abs=1e-6)


def test_controls_keep_eigenvalues_and_rate():
    mixture, rotated = draw(0), draw(0, "rotated")
    values = [torch.linalg.eigvalsh(problem.operator) for problem in (mixture, rotated)]
    assert torch.allclose(*values, atol=1e-12) and mixture.rate == rotated.rate


def test_the_first_bound_is_all_of_the_gradient():
    """At t = 0 the two terms are |P|_F^2 and |G_0 - P|_F^2 over |P|_2^2."""
    problem = draw(1, shape=(3, 4))
    vectors = torch.linalg.eigh(problem.operator).eigenvectors
    first = gradients(problem, 1)[0]
    part = (vectors[:, 0] @ first.T.reshape(-1)) * vectors[:, 0]
    spectral = torch.linalg.matrix_norm(part.view(4, 3), 2)
    assert course(problem, 1).bound[0].item() == pytest.approx((first.norm() / spectral).square().item(), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_pair_is_a_mixture_of_positive_products(seed):
    """Inside the hypotheses: the six products are written out here, each factor positive semidefinite."""
    problem = pair(torch.Generator().manual_seed(seed))
    flip, sign = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double(), torch.diag(torch.tensor([1.0, -1.0])).double()
    one = torch.eye(2, dtype=torch.float64)
    plus, minus, up, down = (one + flip) / 2, (one - flip) / 2, (one + sign) / 2, (one - sign) / 2
    products = [(plus, plus), (minus, minus), (up, down), (down, up), (up, one), (one, up)]
    basis = torch.stack([torch.kron(c, b).flatten() for c, b in products], 1)
    weights = torch.linalg.lstsq(basis, problem.operator.flatten()[:, None]).solution.flatten()
    assert torch.allclose(basis @ weights, problem.operator.flatten(), atol=1e-12) and (weights > 0).all()


def test_the_pair_breaks_the_bound_on_one_side_alone():
    found = {side: course(pair(torch.Generator().manual_seed(0), side)) for side in (-1.0, 1.0)}
    assert (found[-1.0].ranks - found[-1.0].bound).max() > 0.1
    assert (found[1.0].ranks <= found[1.0].bound + 1e-12).all()


def test_two_by_two_by_hand():
    """G = diag(p, q), S diagonal: each entry shrinks by its own factor."""
    operator = torch.diag(torch.tensor([0.1, 0.9, 0.9, 0.5], dtype=torch.float64))
    problem = Problem(torch.tensor([1.0, 0, 0, 2.0], dtype=torch.float64), operator, torch.zeros(4).double(), 1.0, (2, 2))
    seen = gradients(problem, 3)[2]
    assert torch.allclose(seen, torch.diag(torch.tensor([0.81, 0.5], dtype=torch.float64)))
    assert course(problem, 3).ranks[2].item() == pytest.approx(1 + (0.5 / 0.81) ** 2)


def test_an_unknown_operator_is_a_sentence():
    with pytest.raises(SpecError, match="unknown operator 'steep'"):
        draw(0, "steep")
