"""SLERP, Karcher and Model Stock against formulas on the vectors themselves."""

from math import acos, cos, pi, sin

import torch
from harness.errors import MeasureError
from harness.merging.sphere import karcher, model_stock, slerp
from pytest import approx, mark, raises


def slerp_by_hand(a, b, t):
    theta = acos(min(1.0, (a.flatten() @ b.flatten() / (a.norm() * b.norm())).item()))
    return (sin((1 - t) * theta) * a + sin(t * theta) * b) / sin(theta)


@mark.parametrize("t", [0.0, 0.25, 0.5, 1.0])
def test_slerp_is_the_formula(t, normal):
    a, b = normal(6, 5), normal(6, 5)
    assert torch.allclose(slerp(torch.zeros(6, 5).double(), [a, b], t=t), slerp_by_hand(a, b, t), atol=1e-12)
    assert torch.allclose(slerp(a, [b], t=t), slerp_by_hand(a, b, t), atol=1e-12)


def test_a_quarter_turn_on_the_circle():
    a, b = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    assert slerp(a, [b], t=1 / 3).tolist() == approx([cos(pi / 6), sin(pi / 6)])


def test_slerp_is_straight_where_there_is_no_arc(normal):
    a, zero = normal(4, 3), torch.zeros(4, 3).double()
    assert torch.equal(slerp(a, [zero], t=0.25), 0.75 * a)
    assert torch.allclose(slerp(a, [-a], t=0.25), 0.5 * a)
    assert torch.allclose(slerp(a, [a], t=0.25), a)


@mark.parametrize("angle", [1e-7, 1e-3, 0.5])
def test_the_mean_of_two_is_the_middle_of_their_arc(angle, normal):
    """Equal norms: Karcher and SLERP agree, at angles too where arccos of a cosine knows nothing."""
    a = normal(40)
    b = normal(40)
    b -= (b @ a) / (a @ a) * a
    b = cos(angle) * a + sin(angle) * b * (a.norm() / b.norm())
    middle = slerp(a, [b])
    assert torch.linalg.norm(karcher(a, [a, b]) - middle) < 1e-9 * angle * a.norm()
    assert torch.linalg.norm(middle) == approx(a.norm().item(), rel=1e-12)


def test_karcher_is_where_the_tangents_cancel(normal):
    experts = [normal(5, 4) * (1 + at) for at in range(4)]
    merged = karcher(experts[0], experts)
    assert merged.norm() == approx(sum(e.norm() for e in experts).item() / 4)
    m = (merged / merged.norm()).flatten()
    total = torch.zeros_like(m)
    for expert in experts:
        u = (expert / expert.norm()).flatten()
        theta = acos((u @ m).item())
        total += theta / sin(theta) * (u - cos(theta) * m)
    assert total.norm() < 1e-10


def test_karcher_of_zeros_and_of_opposites(normal):
    a, zero = normal(4, 3), torch.zeros(4, 3).double()
    assert not karcher(a, [zero, zero]).any()
    assert torch.allclose(karcher(a, [a, zero]), a / 2)
    with raises(MeasureError, match="sum to zero, so they have no mean"):
        karcher(a, [a, -a])


def test_karcher_with_one_of_three_opposite(normal):
    a = normal(4, 3)
    assert torch.allclose(karcher(a, [a, a, -a]), a)


def test_model_stock_by_hand(normal):
    w0 = normal(6, 5)
    experts = [w0 + normal(6, 5) + 1.0 for _ in range(3)]
    taus = [(e - w0).flatten() for e in experts]
    pairs = [(0, 1), (0, 2), (1, 2)]
    c = sum((taus[i] @ taus[j] / (taus[i].norm() * taus[j].norm())).item() for i, j in pairs) / 3
    t = 3 * c / (1 + 2 * c)
    assert torch.allclose(model_stock(w0, experts), t * sum(experts) / 3 + (1 - t) * w0, atol=1e-12)


def test_model_stock_of_orthogonal_experts_is_the_base():
    w0 = torch.tensor([1.0, 1.0, 1.0]).double()
    assert model_stock(w0, [w0 + torch.eye(3).double()[0], w0 + torch.eye(3).double()[1]]).tolist() == approx([1.0, 1.0, 1.0])
