import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Frame
from harness.spectra.low_rank_update import LowRankUpdates, read_low_rank

SHAPES = pytest.mark.parametrize("shape", [(24, 24), (40, 18), (18, 40)], ids=str)


@pytest.fixture
def drawn(generator):
    """A base of a shape, and five updates of rank 3 of it, of relative size about `size`."""

    def draw(m, n, size=1.0):
        base = torch.randn(m, n, generator=generator, dtype=torch.float64)
        left, right = torch.randn(5, m, 3, generator=generator), torch.randn(5, 3, n, generator=generator)
        return base, LowRankUpdates.of(size * left, right)

    return draw


@SHAPES
def test_a_reading_is_that_of_the_dense_update(shape, drawn):
    """Truth: C of every update, multiplied out."""
    base, updates = drawn(*shape)
    frame, k = Frame.of(base), 4
    found = read_low_rank(frame, updates, k)
    for i, dense in enumerate(updates.dense()):
        c, energy = frame.read(dense)
        assert found.energy[i].item() == pytest.approx(energy)
        assert found.block[i].item() == pytest.approx(c[:k, :k].square().sum().item() / energy)
        assert found.left[i].item() == pytest.approx((frame.U[:, :k].T @ dense).square().sum().item() / energy)
        assert found.right[i].item() == pytest.approx((dense @ frame.V[:, :k]).square().sum().item() / energy)
        assert torch.allclose(found.drift[i], c.diagonal())


def test_the_drift_is_the_first_order_of_the_shift(drawn):
    """Truth: singular values of the merged matrices; the error is of second order in the size."""
    errors = []
    for size in (1e-5, 1e-6):
        base, updates = drawn(24, 24, size)
        shift = torch.linalg.svdvals(base + updates.dense()) - torch.linalg.svdvals(base)
        drift = read_low_rank(Frame.of(base), updates).drift
        errors.append(((drift - shift).norm() / shift.norm()).item())
    assert errors[0] < 1e-2 and errors[1] < errors[0] / 4


@SHAPES
def test_values_are_those_of_the_dense_updates_in_any_gauge(shape, drawn, generator):
    _, updates = drawn(*shape)
    truth = torch.linalg.svdvals(updates.dense())[:, :3]
    gauge = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    turned = LowRankUpdates(updates.left @ gauge, torch.linalg.solve(gauge, updates.right))
    for each in (updates, turned):
        assert torch.allclose(each.values(), truth)


def test_noise_is_spread_over_the_frame(generator):
    """Limit: 3000 updates of rank 1: k / m, k / n and k^2 / mn."""
    left, right = torch.randn(3000, 20, 1, generator=generator), torch.randn(3000, 1, 30, generator=generator)
    found = read_low_rank(Frame.of(torch.randn(20, 30, generator=generator)), LowRankUpdates.of(left, right), k=5)
    assert found.left.mean().item() == pytest.approx(1 / 4, rel=0.05)
    assert found.right.mean().item() == pytest.approx(1 / 6, rel=0.06)
    assert found.block.mean().item() == pytest.approx(1 / 24, rel=0.1)


def test_what_is_undefined_is_refused(drawn):
    base, updates = drawn(24, 24)
    frame = Frame.of(base)
    with pytest.raises(MeasureError, match=r"not \(5, 24, 3\) and \(5, 24, 3\)"):
        LowRankUpdates.of(updates.left, updates.left)
    with pytest.raises(MeasureError, match="not finite"):
        LowRankUpdates.of(updates.left / 0, updates.right)
    with pytest.raises(MeasureError, match="updates of 24 x 24 cannot be read in the frame of a matrix of 24 x 12"):
        read_low_rank(Frame.of(base[:, :12]), updates)
    with pytest.raises(MeasureError, match="an update is zero"):
        read_low_rank(frame, LowRankUpdates(0.0 * updates.left, updates.right))
    with pytest.raises(MeasureError, match="k = 25 leading directions of a matrix that has 24"):
        read_low_rank(frame, updates, k=25)
