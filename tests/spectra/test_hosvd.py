import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.hosvd import AXES, explained, gram, hosvd, mean_energy, top_share

SIZE = {"model": 0, "output": 1, "input": 2}


@pytest.fixture
def stack(generator):
    return torch.randn(7, 5, 9, generator=generator, dtype=torch.float64) + 0.5


def unfolding(stack, axis):
    """The stack as a matrix whose rows are the axis: what is never built in the module."""
    return stack.movedim(SIZE[axis], 0).flatten(1)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("axis", AXES)
def test_explained_is_that_of_the_unfolding(axis, centred, stack):
    """Truth: singular values of the whole unfolding."""
    rows = unfolding(stack - stack.mean(0) if centred else stack, axis)
    squares = torch.linalg.svdvals(rows).square()
    assert torch.allclose(explained(stack, axis, centred=centred), squares.cumsum(0) / squares.sum(), atol=1e-12)
    assert torch.allclose(gram(stack, axis), unfolding(stack, axis) @ unfolding(stack, axis).T)
    assert top_share(stack, axis, 2, centred=centred) == pytest.approx((squares[:2].sum() / squares.sum()).item())


def test_plain_rows_are_explained_as_their_principal_components_are(generator):
    """Truth: singular values of the centred rows."""
    rows = torch.randn(20, 6, generator=generator, dtype=torch.float64) + 1.0
    squares = torch.linalg.svdvals(rows - rows.mean(0)).square()
    assert top_share(rows[:, None], "input", 3) == pytest.approx((squares[:3].sum() / squares.sum()).item(), rel=1e-12)


def test_a_whole_hosvd_gives_the_stack_back(stack):
    """Limit: all directions of both sides."""
    found = hosvd(stack, share=1.0)
    assert found.core.shape == (7, 5, 9)
    assert torch.allclose(found.rebuilt(), stack)


def test_a_cut_hosvd_is_the_projection_on_both_sides(stack):
    """Truth: singular vectors of both unfoldings."""
    mean = stack.mean(0)
    u = torch.linalg.svd(unfolding(stack - mean, "output"), full_matrices=False).U[:, :2]
    v = torch.linalg.svd(unfolding(stack - mean, "input"), full_matrices=False).U[:, :3]
    truth = mean + u @ u.T @ (stack - mean) @ v @ v.T
    assert torch.allclose(hosvd(stack, left=2, right=3).rebuilt(), truth, atol=1e-12)


def test_the_share_asked_for_says_how_many_directions_are_kept(generator):
    """Two directions hold all of it, one of them nine tenths."""
    u, v = (torch.linalg.qr(torch.randn(side, 2, generator=generator, dtype=torch.float64)).Q for side in (8, 6))
    c = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    planted = torch.einsum("nk,mk,jk->nmj", c, u, v) + 1.0
    assert hosvd(planted, share=0.85).core.shape == (4, 1, 1)
    assert hosvd(planted, share=0.95).core.shape == (4, 2, 2)
    assert explained(planted, "model")[:2].tolist() == pytest.approx([0.9, 1.0])


def test_independent_updates_explain_their_count(generator):
    """Limit: k of N along the model axis, k of m along a side, for N updates of many entries; mean energy 1 / N."""
    stack = torch.randn(20, 30, 400, generator=generator)
    assert top_share(stack, "model", 5, centred=False) == pytest.approx(5 / 20, rel=0.08)
    assert top_share(stack, "output", 6) == pytest.approx(6 / 30, rel=0.1)
    assert mean_energy(stack) == pytest.approx(1 / 20, rel=0.02)
    assert mean_energy(stack[:1].expand(4, 30, 400)) == pytest.approx(1.0)


def test_what_is_undefined_is_refused(stack):
    with pytest.raises(MeasureError, match="has no axis 'time': choose one of model, output, input"):
        gram(stack, "time")
    with pytest.raises(MeasureError, match=r"shape \(N, m, n\) with N of 2 or more, not \(1, 5, 9\)"):
        gram(stack[:1], "model")
    with pytest.raises(MeasureError, match="all alike or zero"):
        explained(stack[:1].expand(3, 5, 9), "input")
    with pytest.raises(MeasureError, match="k = 8 directions of the axis model, which has 7"):
        top_share(stack, "model", 8)
    with pytest.raises(MeasureError, match="k = 0 directions of the axis input"):
        hosvd(stack, right=0)
    with pytest.raises(MeasureError, match="a share of 0 of the variance"):
        hosvd(stack, share=0)
    with pytest.raises(MeasureError, match="not finite"):
        mean_energy(stack / 0)
    with pytest.raises(MeasureError, match="all zero"):
        mean_energy(torch.zeros(3, 2, 2))
