from math import pi

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import leading_subspaces, principal_angles, verified
from harness.spectra.products import full_fp32, times

SHAPES = [(200, 200), (260, 150), (150, 260)]


@pytest.fixture
def iterated(monkeypatch):
    """Small problems are iterated too, not decomposed."""
    monkeypatch.setattr("harness.spectra.krylov.DIRECT_LIMIT", 0)


def with_values(values: torch.Tensor, m: int, n: int, generator: torch.Generator):
    """W and its frame, fp64."""
    u, v = (torch.linalg.qr(torch.randn(d, len(values), generator=generator, dtype=torch.float64)).Q for d in (m, n))
    return (u * values) @ v.T, u, v


def decaying(q: int) -> torch.Tensor:
    return torch.arange(1, q + 1, dtype=torch.float64) ** -0.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("m, n", SHAPES)
def test_they_are_lapacks_leading_triplets(m, n, dtype, iterated, generator):
    """Truth, of the matrix as it is stored."""
    w = with_values(decaying(min(m, n)), m, n, generator)[0].to(dtype)
    found = leading_subspaces(w, 8, block=24, depth=4, tolerance=1e-4)
    u, s, vh = torch.linalg.svd(w.double(), full_matrices=False)
    assert found.S.tolist() == pytest.approx(s[:8].tolist(), rel=1e-6)
    assert principal_angles(found.U, u[:, :8])[-1].item() < 1e-3
    assert principal_angles(found.V, vh[:8].T)[-1].item() < 1e-3
    eye = torch.eye(8, dtype=torch.float64)
    assert torch.allclose(found.U.T @ found.U, eye, atol=1e-13) and torch.allclose(found.V.T @ found.V, eye, atol=1e-13)
    for i in range(8):
        left = torch.linalg.vector_norm(w.double() @ found.V[:, i] - found.S[i] * found.U[:, i])
        right = torch.linalg.vector_norm(w.double().T @ found.U[:, i] - found.S[i] * found.V[:, i])
        assert found.residuals[i].item() == pytest.approx(max(left.item(), right.item()), rel=1e-6, abs=1e-13)


def test_small_problems_are_decomposed(generator):
    """Limit: up to 512 on a side nothing is approximate, however flat the spectrum."""
    w = torch.randn(300, 500, generator=generator).bfloat16()
    found = leading_subspaces(w, 64)
    assert found.S.tolist() == pytest.approx(torch.linalg.svdvals(w.double())[:64].tolist(), rel=1e-12)
    assert found.residuals.max().item() < 1e-12 * found.S[0].item()


def test_at_its_own_size_it_finds_what_svd_lowrank_does_not(generator):
    """576 x 640, slow decay: torch's default is off by per cents there, and does not say so."""
    w, u, _ = with_values(decaying(576) + 0.05, 576, 640, generator)
    w = w.float()
    found = leading_subspaces(w, 16, depth=4)
    truth = torch.linalg.svdvals(w.double())[:16]
    torch.manual_seed(0)
    careless = torch.svd_lowrank(w, 16)
    assert (found.S / truth - 1).abs().max().item() < 1e-6
    assert (careless[1].double() / truth - 1).abs().max().item() > 0.01
    assert principal_angles(found.U, u[:, :16])[-1].item() < 1e-3 < 0.5 < principal_angles(careless[0], u[:, :16])[-1].item()


def test_what_was_not_found_is_refused_and_another_pass_finds_it(iterated, generator):
    w, _, _ = with_values(decaying(200), 200, 200, generator)
    with pytest.raises(MeasureError, match=r"8 leading directions of a 200 x 200 matrix were not found: after 1 x 1 steps"):
        leading_subspaces(w, 8, block=12, depth=1, passes=1, tolerance=1e-3)
    found = leading_subspaces(w, 8, block=12, depth=1, passes=30, tolerance=1e-3)
    assert (found.residuals <= 1e-3 * found.S).all()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30], ids="scale={:g}".format)
def test_neither_tiny_nor_huge_weights_leave_fp32(scale, iterated, generator):
    w = with_values(decaying(200), 200, 200, generator)[0] * scale
    found = leading_subspaces(w, 8, block=24, depth=4)
    assert found.S.tolist() == pytest.approx((decaying(200)[:8] * scale).tolist(), rel=1e-6)


def test_rank_deficient_and_zero_matrices_have_directions(iterated, generator):
    three = with_values(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64), 120, 100, generator)[0]
    found = leading_subspaces(three.float(), 6, block=10, depth=2)
    assert found.S.tolist() == pytest.approx([3, 2, 1, 0, 0, 0], abs=1e-6)
    assert torch.allclose(found.U.T @ found.U, torch.eye(6, dtype=torch.float64), atol=1e-12)
    nothing = leading_subspaces(torch.zeros(120, 100), 3, block=10, depth=2)
    assert nothing.S.tolist() == nothing.residuals.tolist() == [0.0, 0.0, 0.0]


def test_a_seed_repeats_and_a_shared_one_cancels(iterated, generator):
    """The angle between base and tuned is right even where both are wrong by more, as long as they share the seed."""
    w, u, _ = with_values(decaying(200) + 1, 200, 200, generator)
    d = 1e-6 * torch.randn(200, 200, generator=generator, dtype=torch.float64)
    options = {"block": 12, "depth": 2, "tolerance": 1.0}
    base, again, tuned = (leading_subspaces(x, 4, **options) for x in (w, w, w + d))
    other = leading_subspaces(w + d, 4, generator_seed=1, **options)
    assert torch.equal(base.U, again.U)
    assert principal_angles(base.U, u[:, :4])[-1].item() > 1e-3
    assert principal_angles(base.U, tuned.U)[-1].item() < 1e-4 < principal_angles(base.U, other.U)[-1].item()


def test_a_second_seed_agrees_where_there_is_a_gap(iterated, generator):
    values = torch.cat([torch.full((5,), 3.0), torch.linspace(1, 0.5, 195)]).double()
    w, u, _ = with_values(values, 200, 200, generator)
    seen = verified(w.float(), 5, block=16, depth=4)
    assert seen.determined and seen.note == ""
    assert seen.gap == pytest.approx(3.0, rel=1e-3)
    assert seen.angle < 1e-4
    assert seen.frame.U.shape == (200, 5) and seen.frame.residuals.shape == (5,)
    assert principal_angles(seen.frame.U, u[:, :5])[-1].item() < 1e-4


@pytest.mark.parametrize("direct", [False, True], ids=["iterated", "decomposed"])
def test_without_a_gap_it_says_so(direct, generator, monkeypatch):
    """Limit: equal values. Two seeds find two spaces; where the problem is decomposed the width alone shows it."""
    monkeypatch.setattr("harness.spectra.krylov.DIRECT_LIMIT", 512 * direct)
    values = torch.cat([torch.full((9,), 3.0), torch.linspace(1, 0.5, 191)]).double()
    seen = verified(with_values(values, 200, 200, generator)[0], 5, block=16, depth=4)
    assert not seen.determined
    assert seen.note.startswith("no gap at k = 5: sigma_k is 3 and sigma_k+1 3")
    assert seen.gap == pytest.approx(1.0)
    assert (seen.angle > 0.1) or direct
    assert seen.frame.S.tolist() == pytest.approx([3.0] * 5, rel=1e-6)


def test_a_direction_that_a_seed_never_met_is_found_out(iterated, generator):
    """The leading right vector is orthogonal to seed 0's X: residuals are small, the space is the wrong one."""
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0)).double()
    hidden = torch.randn(100, 1, generator=generator, dtype=torch.float64)
    unseen = hidden - x @ torch.linalg.lstsq(x, hidden).solution
    u, others = torch.randn(2, 100, 100, generator=generator, dtype=torch.float64)
    v = torch.linalg.qr(torch.cat([unseen, others[:, 1:]], 1)).Q
    s = torch.cat([torch.tensor([1.02, 1.0, 0.7]), torch.linspace(0.3, 0.1, 97)]).double()
    w = torch.linalg.qr(u).Q * s @ v.T
    options = {"block": 4, "depth": 3, "passes": 1}
    assert leading_subspaces(w, 1, **options).S.item() == pytest.approx(1.0, rel=1e-3)
    with pytest.raises(MeasureError, match="seeds 0 and 1 found different 1 leading directions.*one missed a direction"):
        verified(w, 1, limit=pi / 180, **options)


@pytest.mark.parametrize(
    "w, k, options, sentence",
    [
        (torch.zeros(4, 4), 5, {}, "k = 5 leading directions of a matrix that has 4"),
        (torch.zeros(4, 4), 0, {}, "k = 0 leading directions"),
        (torch.zeros(4), 1, {}, r"a tensor of shape \(4,\) is no matrix"),
        (torch.full((4, 4), float("inf")), 1, {}, "entries that are not finite"),
        (torch.full((4, 4), float("nan")), 1, {}, "entries that are not finite"),
        (torch.eye(4), 3, {"block": 2}, "a block of 2 columns cannot find 3 directions"),
    ],
    ids=["too-many", "none", "vector", "inf", "nan", "block"],
)
def test_what_has_no_answer_is_refused(w, k, options, sentence):
    with pytest.raises(MeasureError, match=sentence):
        leading_subspaces(w, k, **options)


@pytest.mark.parametrize("m, n", [(2500, 30), (30, 2500)])
def test_products_in_chunks_are_products(m, n, generator):
    w = torch.randn(m, n, generator=generator).bfloat16()
    x, y = torch.randn(n, 3, generator=generator).double(), torch.randn(m, 3, generator=generator).double()
    assert torch.allclose(times(w, x), w.double() @ x, atol=1e-12)
    assert torch.allclose(times(w.T, y), w.double().T @ y, atol=1e-12)
    with full_fp32(w.device):
        assert torch.equal(times(w.double(), x), w.double() @ x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same_and_keeps_the_callers_tf32(generator):
    w = with_values(decaying(700), 700, 800, generator)[0].bfloat16()
    there, here = leading_subspaces(w.cuda(), 16, depth=4), leading_subspaces(w, 16, depth=4)
    assert there.S.tolist() == pytest.approx(here.S.tolist(), rel=1e-6)
    assert principal_angles(there.U.cpu(), here.U)[-1].item() < 1e-3
    torch.backends.cuda.matmul.allow_tf32 = True
    with full_fp32(torch.device("cuda")):
        pass
    assert torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
