import pytest
import torch
from harness.optimizers.frequent_directions import absorb, leading_rows, rows_inside


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sketched(parts, rows):
    sketch = torch.zeros(rows, parts[0].shape[1], dtype=torch.float64)
    for part in parts:
        absorb(sketch, part)
    return sketch


@pytest.mark.parametrize("decay", [0.0, 0.3, 1.0], ids="decay={}".format)
@pytest.mark.parametrize("rows", [3, 8, 15], ids="rows={}".format)
def test_the_sketch_misses_by_no_more_than_the_bound_of_every_k(rows, decay):
    """Truth: 0 <= A^T A - B^T B, and its norm is at most |A - A_k|_F^2 / (l - k); at k = 0 |A|_F^2 / l."""
    shape = torch.exp(-decay * torch.arange(20.0, dtype=torch.float64))
    parts = [drawn(5, 20, seed=t) * shape for t in range(12)]
    whole, sketch = torch.cat(parts), sketched(parts, rows)
    missed = torch.linalg.eigvalsh(whole.T @ whole - sketch.T @ sketch)
    tails = torch.linalg.svdvals(whole).square().flip(0).cumsum(0).flip(0)
    assert missed.min() > -1e-9 * tails[0]
    for k in range(rows):
        assert missed.max() <= tails[k] / (rows - k) * (1 + 1e-9)


def test_the_bound_can_be_missed():
    """Control: keeping the leading rows without shrinking the rest of them leaves the bound on a stream made for it."""
    parts = [torch.eye(20, dtype=torch.float64)[:8], *(1.05 * torch.eye(20, dtype=torch.float64)[8:9] for _ in range(60))]
    parts = [parts[0] * 1.1, *parts[1:]]
    kept = torch.zeros(8, 20, dtype=torch.float64)
    for part in parts:
        kept = torch.linalg.svd(torch.cat([kept, part]), full_matrices=False)
        kept = kept[1][:8, None] * kept[2][:8]
    whole = torch.cat(parts)
    limit = whole.square().sum() / 8
    assert torch.linalg.eigvalsh(whole.T @ whole - kept.T @ kept).max() > limit
    sketch = sketched(parts, 8)
    assert torch.linalg.eigvalsh(whole.T @ whole - sketch.T @ sketch).max() <= limit


def test_few_directions_are_sketched_exactly():
    basis = torch.linalg.qr(drawn(20, 5)).Q
    parts = [drawn(5, 30, seed=t) for t in range(4)]
    sketch = sketched([rows_inside(basis, each) for each in parts], 8)
    torch.testing.assert_close(sketch.T @ sketch, sum(basis @ r @ r.T @ basis.T for r in parts))


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)], ids=str)
def test_rows_of_a_gradient_have_the_gram_matrix_of_its_leading_part(shape):
    gradient = drawn(*shape)
    u, s, vh = torch.linalg.svd(gradient, full_matrices=False)
    part = (u[:, :4] * s[:4]) @ vh[:4]
    rows = leading_rows(gradient, 4)
    assert rows.shape == (4, shape[0])
    torch.testing.assert_close(rows.T @ rows, part @ part.T, rtol=1e-9, atol=1e-9)
