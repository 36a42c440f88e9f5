import torch
from harness.merging.algebra import frame
from harness.merging.iso_alignment import blocks_of, by_sign, by_subspace


def diagonal(*values):
    return torch.diag(torch.tensor(values)).double()


def test_signs_are_the_bases(normal):
    w0 = normal(9, 6)
    base, turned = frame(w0), frame(w0)
    turned = turned._replace(U=turned.U * torch.tensor([1, -1, 1, -1, -1, 1]), V=turned.V * torch.tensor([1, -1, 1, -1, -1, 1]))
    found = by_sign(base, turned)
    assert torch.equal(found.U, base.U) and torch.equal(found.V, base.V)


def test_equal_values_are_one_block_and_zeros_another():
    base = frame(diagonal(3.0, 2.0, 2.0, 1.0, 0.0, 0.0))
    assert blocks_of(base, [torch.zeros(6, 6).double()]) == [(0, 1), (1, 3), (3, 4), (4, 6)]


def test_modes_are_joined_where_the_update_couples_them_by_half_their_gap():
    base = frame(diagonal(3.0, 2.0, 1.0))
    for size, blocks in ((0.49, [(0, 1), (1, 2), (2, 3)]), (0.51, [(0, 1), (1, 3)])):
        tau = torch.zeros(3, 3).double()
        tau[2, 1] = size
        assert blocks_of(base, [torch.zeros(3, 3).double(), tau]) == blocks


def test_a_block_is_turned_back(normal):
    """Frames turned by one rotation within a block of two come back; other columns get their sign."""
    w0 = torch.linalg.qr(normal(7, 4)).Q * torch.tensor([4.0, 2.0, 2.0, 1.0]).double() @ torch.linalg.qr(normal(4, 4)).Q
    base = frame(w0)
    turn = torch.eye(4).double()
    turn[1:3, 1:3] = torch.linalg.qr(normal(2, 2)).Q
    turn[3, 3] = -1.0
    found = by_subspace(base, base._replace(U=base.U @ turn, V=base.V @ turn), [(0, 1), (1, 3), (3, 4)])
    assert torch.allclose(found.U, base.U) and torch.allclose(found.V, base.V)


def test_zero_values_let_both_sides_turn_apart(normal):
    base = frame(torch.linalg.qr(normal(6, 2)).Q @ normal(2, 5))
    u, v = base.U.clone(), base.V.clone()
    u[:, 2:], v[:, 2:] = u[:, 2:] @ torch.linalg.qr(normal(3, 3)).Q, v[:, 2:] @ torch.linalg.qr(normal(3, 3)).Q
    found = by_subspace(base, base._replace(U=u, V=v), [(0, 1), (1, 2), (2, 5)])
    assert torch.allclose(found.U, base.U) and torch.allclose(found.V, base.V)
