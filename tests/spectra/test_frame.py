import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Frame
from harness.spectra.frame import decompose, leading

SHAPES = [(12, 12), (20, 8), (8, 20)]


@pytest.mark.parametrize("direct_limit", [1024, 0], ids=["svd", "gram"])
@pytest.mark.parametrize("m, n", SHAPES)
def test_a_frame_is_orthonormal_and_gives_the_matrix_back(m, n, direct_limit, weights):
    w = weights(m, n).double()
    u, s, v = decompose(w, direct_limit)
    eye = torch.eye(min(m, n), dtype=torch.float64)
    assert torch.allclose(u.T @ u, eye, atol=1e-13)
    assert torch.allclose(v.T @ v, eye, atol=1e-13)
    assert torch.allclose((u * s) @ v.T, w, atol=1e-13)
    assert (s.diff() <= 0).all()


@pytest.mark.parametrize("direct_limit", [1024, 0], ids=["svd", "gram"])
def test_a_rank_deficient_matrix_has_a_full_frame(direct_limit, weights):
    w = weights(12, 3).double() @ weights(3, 9).double()
    u, s, v = decompose(w, direct_limit)
    assert torch.allclose(u.T @ u, torch.eye(9, dtype=torch.float64), atol=1e-12)
    assert torch.allclose((u * s) @ v.T, w, atol=1e-8 * s[0].item())


@pytest.mark.parametrize("m, n", SHAPES)
def test_reading_is_entry_by_entry_u_d_v(m, n, weights):
    """Truth: C_ij = sum_ab U_ai D_ab V_bj, by loops."""
    frame, update = Frame.of(weights(m, n)), weights(m, n).double()
    reading = frame.read(update)
    for i in range(3):
        for j in range(3):
            truth = sum(
                frame.U[a, i].item() * update[a, b].item() * frame.V[b, j].item() for a in range(m) for b in range(n)
            )
            assert reading.C[i, j].item() == pytest.approx(truth, abs=1e-15)
    assert reading.energy == pytest.approx(sum(x * x for x in update.flatten().tolist()), rel=1e-13)
    assert torch.allclose(frame.block(update, 3), reading.C[:3, :3], atol=1e-16)
    assert reading.block_energy(3) == pytest.approx(reading.C[:3, :3].square().sum().item(), rel=1e-13)


def test_a_square_frame_loses_no_energy_and_a_flat_one_keeps_its_share(weights):
    """Limit: C is q x q; of noise in m x n it holds the share q^2 / (mn), within 5 standard errors sqrt(2) / q."""
    square = Frame.of(weights(64, 64)).read(weights(64, 64))
    assert square.block_energy(64) == pytest.approx(square.energy, rel=1e-12)
    flat = Frame.of(weights(64, 256)).read(weights(64, 256))
    assert flat.block_energy(64) / flat.energy == pytest.approx(64**2 / (64 * 256), rel=5 * 2**0.5 / 64)


def test_low_rank_is_the_best_there_is(weights):
    """Truth (Eckart, Young): what is left is the tail of the spectrum."""
    w = weights(20, 14).double()
    frame = Frame.of(w)
    rest = w - frame.low_rank(5)
    assert torch.linalg.vector_norm(rest).item() == pytest.approx(torch.linalg.vector_norm(frame.S[5:]).item(), rel=1e-12)
    assert torch.linalg.matrix_rank(frame.low_rank(5)).item() == 5


def test_gap():
    frame = Frame.of(torch.diag(torch.tensor([4.0, 2.0, 0.0])))
    assert [frame.gap(k) for k in (1, 2, 3)] == [2.0, float("inf"), float("inf")]


def test_equal_matrices_share_a_frame(weights):
    w = weights(8, 8)
    frame = Frame.of(w)
    assert Frame.of(w.clone()) is frame
    w[0, 0] += 1
    assert Frame.of(w) is not frame


def test_leading_directions():
    assert [leading(64, None, 1 / 8), leading(3, None, 1 / 8), leading(10, 10, 0.5)] == [8, 1, 10]
    with pytest.raises(MeasureError, match="k = 11 leading directions of a matrix that has 10"):
        leading(10, 11, 0.5)
    with pytest.raises(MeasureError, match="fraction 0.0"):
        leading(10, None, 0.0)
