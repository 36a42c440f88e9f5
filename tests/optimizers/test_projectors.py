import pytest
import torch
from harness.optimizers import overlap
from harness.optimizers.projectors import Draw, aligned, project, random_basis

G = torch.randn(24, 40, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
NAMES = ["svd", "sara", "stiefel", "gaussian", "power"]


@pytest.mark.parametrize("name", NAMES, ids="projector={}".format)
def test_a_draw_repeats_and_another_differs_where_it_is_random(name):
    first, again, other = (project(name, G, 5, draw, None) for draw in (Draw(1, 2, 3), Draw(1, 2, 3), Draw(1, 2, 4)))
    assert torch.equal(first, again) and first.shape == (24, 5)
    assert torch.equal(first, other) == (name in ("svd", "power"))


def test_seed_parameter_and_refresh_each_change_the_draw():
    draws = [Draw(0, 0, 0), Draw(1, 0, 0), Draw(0, 1, 0), Draw(0, 0, 1), Draw(0, 1, 11), Draw(0, 11, 1)]
    seen = [random_basis("stiefel", G, 3, draw) for draw in draws]
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


def test_global_randomness_is_neither_used_nor_moved():
    torch.manual_seed(0)
    first = project("sara", G, 5, Draw(0, 0, 1), None)
    state = torch.random.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(first, project("sara", G, 5, Draw(0, 0, 1), None))
    torch.manual_seed(0)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("name", "share"), [("stiefel", 6 / 24), ("gaussian", 1.0)])
def test_random_projections_are_unbiased_up_to_their_share(name, share):
    """E[P P^T] = (r/a) I for uniform orthonormal P, I for Gaussian entries N(0, 1/r)."""
    seen = torch.stack([random_basis(name, G, 6, Draw(0, 0, i)) for i in range(800)])
    mean = (seen @ seen.mT).mean(0)
    torch.testing.assert_close(mean, share * torch.eye(24, dtype=torch.float64), rtol=0, atol=0.09 * max(share, 0.5))
    torch.testing.assert_close(mean.trace(), torch.tensor(24 * share, dtype=torch.float64), rtol=0.01, atol=0)


def test_stiefel_is_uniform_and_not_lapacks_choice_of_sign():
    """The first column of Haar is as often on either side; Householder's QR leaves its first entry negative."""
    first = torch.tensor([random_basis("stiefel", G, 2, Draw(0, 0, i))[0, 0] for i in range(400)])
    assert 150 < (first > 0).sum() < 250


def test_sara_samples_by_singular_value_and_not_by_its_square():
    """Two directions of sigma 3 and 1: a draw of one is the larger in 3 of 4; by squares it were 9 of 10."""
    gradient = torch.diag(torch.tensor([3.0, 1.0], dtype=torch.float64))
    larger = [project("sara", gradient, 1, Draw(0, 0, i), None)[0, 0].abs().item() > 0.5 for i in range(600)]
    assert sum(larger) / 600 == pytest.approx(0.75, abs=0.05)


def test_sara_with_fewer_directions_than_its_rank_takes_them_all():
    gradient = torch.diag(torch.tensor([5.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    p = project("sara", gradient, 3, Draw(0, 0, 0), None)
    assert p[:2].norm().item() == pytest.approx(2**0.5)


def test_sara_draws_singular_vectors_in_order():
    u, s, _ = torch.linalg.svd(G)
    p = project("sara", G, 8, Draw(0, 0, 0), None)
    order = (u.T @ p).abs().argmax(0)
    assert ((u.T @ p).abs().amax(0) > 1 - 1e-9).all() and (order.diff() > 0).all() and order.tolist() != list(range(8))


def test_power_iteration_starts_from_the_last_basis_and_converges():
    u = torch.linalg.svd(G)[0][:, :5]
    p = random_basis("stiefel", G, 5, Draw(0, 0, 0))
    torch.testing.assert_close(project("power", G, 5, Draw(0, 0, 1), p), torch.linalg.qr(G @ G.T @ p).Q)
    seen = [overlap(p, u)]
    for _ in range(60):
        p = project("power", G, 5, Draw(0, 0, 1), p)
        seen.append(overlap(p, u))
    assert seen[0] < seen[1] < seen[5] < seen[-1] and seen[-1] > 0.999


@pytest.mark.parametrize("name", ["svd", "sara", "power"], ids="projector={}".format)
def test_a_gradient_of_zeros_leaves_the_subspace(name):
    p = project(name, G, 5, Draw(0, 0, 1), None)
    assert torch.equal(project(name, torch.zeros_like(G), 5, Draw(0, 0, 2), p), p)
    first = project(name, torch.zeros_like(G), 5, Draw(0, 0, 1), None)
    torch.testing.assert_close(first.T @ first, torch.eye(5, dtype=torch.float64))


def test_signs_follow_the_columns_before():
    p = project("svd", G, 5, Draw(0, 0, 1), None)
    flips = torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0])
    assert torch.equal(aligned(p * flips, p), p) and torch.equal(project("svd", -G, 5, Draw(0, 0, 2), p), p)


def test_overlap_is_one_chance_or_zero():
    p, q = (random_basis("gaussian", torch.empty(400, 1, dtype=torch.float64), 40, Draw(0, 0, i)) for i in (1, 2))
    assert overlap(p, p @ torch.randn(40, 40, generator=torch.Generator().manual_seed(0)).double()) == pytest.approx(1.0)
    assert overlap(p, q) == pytest.approx(0.1, abs=0.02)
    eye = torch.eye(8)
    assert overlap(eye[:, :3], eye[:, 3:6]) == 0.0
