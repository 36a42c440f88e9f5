"""OrthoMerge: rotations that are known come back; Procrustes by brute force; what wide matrices leave open."""

import torch
from harness.merging.orthomerge import from_skew, nearest_rotation, orthomerge, to_skew
from pytest import approx, mark


def rotation(normal, n, size):
    a = size * normal(n, n)
    return torch.linalg.matrix_exp(a - a.T)


@mark.parametrize("shape", [(20, 8), (8, 8)], ids=str)
def test_a_rotated_base_gives_its_rotation(shape, normal):
    w0 = normal(*shape)
    r = rotation(normal, 8, 0.1)
    assert torch.allclose(nearest_rotation(w0, w0 @ r), r, atol=1e-10)
    assert torch.allclose(orthomerge(w0, [w0 @ r, w0 @ r]), w0 @ r, atol=1e-10)


def test_no_rotation_is_nearer(normal):
    w0, w1 = normal(10, 6), normal(10, 6)
    best = torch.linalg.norm(w0 @ nearest_rotation(w0, w1) - w1)
    assert all(torch.linalg.norm(w0 @ torch.linalg.qr(normal(6, 6)).Q - w1) > best for _ in range(200))


def test_cayleys_map_and_back(normal):
    r = rotation(normal, 7, 0.2)
    skew = to_skew(r)
    assert torch.allclose(skew, -skew.T) and torch.allclose(from_skew(skew), r)


def test_rotations_about_one_axis_are_averaged_in_cayleys_chart():
    """Planar angles a and b: tan(theta / 2) is the mean of tan(a / 2) and tan(b / 2)."""
    def turn(angle):
        c, s = torch.cos(torch.tensor(angle).double()), torch.sin(torch.tensor(angle).double())
        return torch.stack([torch.stack([c, -s]), torch.stack([s, c])])

    w0 = torch.tensor([[1.0, 0.3], [0.2, 2.0], [1.0, 1.0]]).double()
    merged = orthomerge(w0, [w0 @ turn(0.2), w0 @ turn(0.6)])
    half = (torch.tan(torch.tensor(0.1)) + torch.tan(torch.tensor(0.3))) / 2
    assert torch.allclose(merged, w0 @ turn(2 * torch.atan(half).item()), atol=1e-7)


def test_the_length_of_q_is_the_mean_length(normal):
    w0 = normal(12, 6)
    rotations = [rotation(normal, 6, 0.05) for _ in range(3)]
    skews = [to_skew(r) for r in rotations]
    total = sum(skews)
    factor = sum(torch.linalg.norm(q) for q in skews) / torch.linalg.norm(total) / 3
    assert torch.allclose(orthomerge(w0, [w0 @ r for r in rotations]), w0 @ from_skew(factor * total), atol=1e-9)


def test_opposite_rotations_are_none(normal):
    w0, r = normal(12, 6), rotation(normal, 6, 0.05)
    assert torch.allclose(orthomerge(w0, [w0 @ r, w0 @ r.T]), w0, atol=1e-9)


@mark.parametrize("residual", ["ties", "sum", "tsv-m"])
def test_residuals_are_merged_by_the_rule_asked_for(residual, normal):
    """An update that no rotation makes: twice the base."""
    w0 = normal(12, 6)
    merged = orthomerge(w0, [2 * w0], residual=residual, lam=0.5, density=1.0)
    assert torch.allclose(merged, 1.5 * w0, atol=1e-9)


def test_a_wide_matrix_is_turned_no_more_than_it_must_be(normal):
    """W0 (4, 20) and an expert in the same rows' space: nothing turns outside it; R is a function of the weights."""
    w0 = normal(4, 20)
    r = nearest_rotation(w0, w0 + 0.01 * normal(4, 4) @ w0)
    outside = torch.linalg.svd(w0).Vh[4:].T
    assert torch.allclose(r @ outside, outside, atol=1e-8) and torch.allclose(r @ r.T, torch.eye(20).double(), atol=1e-10)
    w1 = w0 + 0.01 * normal(4, 20)
    q = torch.linalg.qr(normal(20, 20)).Q
    assert torch.allclose(nearest_rotation(w0 @ q, w1 @ q), q.T @ nearest_rotation(w0, w1) @ q, atol=1e-8)
    turned = torch.linalg.norm(to_skew(nearest_rotation(w0, w1)))
    assert turned < 1.0


@mark.parametrize("signs", [[-1, 1, 1, 1], [-1, -1, 1, 1], [-1, -1, -1, -1]], ids=str)
def test_half_turns_and_reflections_are_left_to_the_residual(signs, normal):
    """In other directions the rotation is found; one expert comes back whole."""
    w0, inside = normal(9, 4), torch.eye(4).double()
    inside[2:, 2:] = rotation(normal, 2, 0.2)
    axes = torch.linalg.qr(normal(4, 4)).Q
    r = axes @ (inside if signs[2] > 0 else torch.eye(4).double()) @ torch.diag(torch.tensor(signs)).double() @ axes.T
    turned = from_skew(to_skew(nearest_rotation(w0, w0 @ r)))
    expected = axes @ inside @ axes.T if signs[2] > 0 else torch.eye(4).double()
    assert torch.allclose(turned, expected, atol=1e-7)
    assert torch.allclose(orthomerge(w0, [w0 @ r], density=1.0), w0 @ r, atol=1e-8)


def test_the_spectrum_is_that_of_the_base_without_residuals(normal):
    w0 = normal(10, 6)
    merged = orthomerge(w0, [w0 @ rotation(normal, 6, 0.1) for _ in range(2)], lam=0.0)
    assert torch.linalg.svdvals(merged).tolist() == approx(torch.linalg.svdvals(w0).tolist())
