import torch
from harness.merging import algebra
from pytest import approx, mark


@mark.parametrize("shape", [(9, 5), (5, 9), (6, 6), (4, 1), (40, 3), (3, 40)], ids=str)
def test_a_frame_is_the_matrix(shape, normal):
    w = normal(*shape)
    u, s, v = algebra.frame(w)
    assert torch.allclose((u * s) @ v.T, w) and s.tolist() == approx(torch.linalg.svdvals(w).tolist())
    assert torch.allclose(u.T @ u, torch.eye(min(shape)).double()) and torch.allclose(v.T @ v, torch.eye(min(shape)).double())


@mark.parametrize("shape", [(4, 30), (30, 4), (6, 7)], ids=str)
def test_left_vectors_span_the_columns(shape, normal):
    w = normal(shape[0], 3) @ normal(3, shape[1])
    u = algebra.left_vectors(w)
    assert u.shape == (shape[0], 3) and torch.allclose(u @ (u.T @ w), w) and torch.allclose(u.T @ u, torch.eye(3).double())
    assert torch.allclose((u.T @ w).square().sum(1).sqrt(), torch.linalg.svdvals(w)[:3])


def test_polar_is_a_function_of_a_matrix_without_rank(normal):
    x = normal(8, 2) @ normal(2, 6)
    q = torch.linalg.qr(normal(6, 6)).Q
    assert torch.allclose(algebra.polar(x @ q), algebra.polar(x) @ q, atol=1e-10)
    assert torch.linalg.svdvals(algebra.polar(x)).tolist() == approx([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], abs=1e-12)
    assert not algebra.polar(torch.zeros(3, 2).double()).any()


def test_retract_is_polar_near_orthonormal_columns(normal):
    x = torch.linalg.qr(normal(12, 5)).Q + 0.1 * normal(12, 5)
    assert torch.allclose(algebra.retract(x), algebra.polar(x), atol=1e-13)


def test_gram_in_chunks(normal, monkeypatch):
    monkeypatch.setattr(algebra, "CHUNK", 7)
    parts, minus = [normal(4, 5) for _ in range(3)], normal(4, 5)
    flat = torch.stack([(p - minus).flatten() for p in parts])
    assert torch.allclose(algebra.gram(3, 20, algebra.stacked(parts, minus)), flat @ flat.T)
