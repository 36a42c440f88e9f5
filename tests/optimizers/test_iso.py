"""The step against dense formulas and autograd; what is held, and how exactly."""

from math import sqrt

import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.optimizers import IsoOptimizer, Isospectral, iso_preset
from harness.optimizers.retractions import RETRACTIONS, polar
from harness.optimizers.stiefel import deviation, tangent
from torch import float32, float64, linalg, nn, randn

SHAPES = [(12, 7), (7, 12), (9, 9)]
BASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0),
    "muon": lambda p: torch.optim.Muon(p, lr=0.01, momentum=0.9, weight_decay=0.0),
}


def weight(shape, seed=0, dtype=float64):
    return nn.Parameter(randn(shape, generator=torch.Generator().manual_seed(seed), dtype=float64).to(dtype))


def spectrum_error(now, first):
    """|sigma(W) - sigma(W0)| / |sigma(W0)|, and the largest change over the largest singular value."""
    a, b = linalg.svdvals(now.detach().double()), linalg.svdvals(first.detach().double())
    return max(((a - b).norm() / b.norm()).item(), ((a - b).abs().max() / b[0]).item())


@pytest.mark.parametrize("base", BASES, ids="base={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_steps_are_those_of_the_rule_on_each_frame_and_the_polar_factor(shape, base, stream, drive):
    """Reference: autograd through U diag(s) V^T, torch's optimizer on U and V, then the SVD's polar factor."""
    p, gradients = weight(shape), stream(shape, 5, seed=1)
    u0, s, vh0 = linalg.svd(p.detach(), full_matrices=False)
    frames = [nn.Parameter(u0.contiguous()), nn.Parameter(vh0.T.contiguous())]
    reference, expected = BASES[base](frames), []
    for gradient in gradients:
        reference.zero_grad()
        ((frames[0] * s) @ frames[1].T * gradient).sum().backward()
        reference.step()
        with torch.no_grad():
            for frame in frames:
                frame.copy_(polar(frame))
        expected.append((frames[0] * s @ frames[1].T).detach())
    for retraction in ("polar", "newton-schulz"):
        p = weight(shape)
        found = drive(IsoOptimizer([p], lr=0.01, iso=Isospectral(base=base, retraction=retraction)), p, gradients)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_riemannian_sgd_with_transport_is_the_dense_formula(shape, stream, drive):
    """Truth: xi = G_U - U sym(U^T G_U), m <- mu Pi_U(m) + xi, U <- polar(U - lr m), two steps written out."""
    p, gradients = weight(shape), stream(shape, 2, seed=1)
    u, s, vh = linalg.svd(p.detach(), full_matrices=False)
    v, m_u, m_v = vh.T, torch.zeros_like(u), torch.zeros_like(vh.T)
    for g in gradients:
        g_u, g_v = g @ v @ s.diag(), g.T @ u @ s.diag()
        m_u = 0.8 * m_u + g_u - u @ (u.T @ g_u + g_u.T @ u) / 2
        m_v = 0.8 * m_v + g_v - v @ (v.T @ g_v + g_v.T @ v) / 2
        u, v = polar(u - 0.003 * m_u), polar(v - 0.003 * m_v)
        m_u, m_v = (m - x @ (x.T @ m + m.T @ x) / 2 for m, x in ((m_u, u), (m_v, v)))
    options = Isospectral(base="sgd", gradient="riemannian", transport=True, momentum=0.8, retraction="polar")
    found = drive(IsoOptimizer([p], lr=0.003, iso=options), p, gradients)[-1]
    torch.testing.assert_close(found, u @ s.diag() @ v.T, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_frames_move_down_the_slope_that_finite_differences_see(shape):
    """Along tangents of the Stiefel manifold, for a loss that is not linear."""
    p, e, lr = weight(shape), 1e-5, 1e-9
    target = weight(shape, 5).detach()

    def loss(w):
        return (w.tanh() - target).square().sum()

    optimizer = IsoOptimizer([p], lr=lr, iso=Isospectral(base="sgd", momentum=0.0, retraction="polar"))
    first = optimizer.frames(p)
    loss(p).backward()
    optimizer.step()
    after = optimizer.frames(p)
    for seed, (x, moved, product) in enumerate(
        [(first.U, after.U, lambda x: x * first.S @ first.V.T), (first.V, after.V, lambda x: first.U * first.S @ x.T)]
    ):
        xi = tangent(x, weight(x.shape, 20 + seed).detach())
        slope = (loss(product(polar(x + e * xi))) - loss(product(polar(x - e * xi)))) / (2 * e)
        assert (-(moved - x) / lr * xi).sum().item() == pytest.approx(slope.item(), rel=1e-4)


@pytest.mark.parametrize("base", BASES, ids="base={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_spectrum_only_is_the_rule_on_the_singular_values(shape, base, stream, drive):
    """Reference: torch's optimizer on the vector s, of Muon on its diagonal matrix; the frames stay."""
    p, gradients = weight(shape), stream(shape, 5, seed=1)
    u, s, vh = linalg.svd(p.detach(), full_matrices=False)
    values = nn.Parameter(s.diag() if base == "muon" else s.clone())
    reference, rest = BASES[base]([values]), []
    for gradient in gradients:
        core = (u.T @ gradient @ vh.T).diagonal()
        values.grad = core.diag() if base == "muon" else core.clone()
        reference.step()
        rest.append(values.detach().diagonal() if base == "muon" else values.detach().clone())
    optimizer = IsoOptimizer([p], lr=0.01, iso=Isospectral(base=base, train="spectrum"))
    before = optimizer.frames(p)
    drive(optimizer, p, gradients)
    after = optimizer.frames(p)
    # torch's quintic stops at singular values of .7 - 1.2, the sign does not.
    torch.testing.assert_close(after.S, rest[-1], rtol=1e-12, atol=0.02 if base == "muon" else 1e-12)
    assert torch.equal(before.U, after.U) and torch.equal(before.V, after.V)
    torch.testing.assert_close(p.detach(), after.U * after.S @ after.V.T)


EXACT = {
    **{name: dict(retraction=name, block=4) for name in RETRACTIONS},
    "riemannian": dict(gradient="riemannian", transport=True),
    "sgd": dict(base="sgd"),
}


@pytest.mark.parametrize(
    ("name", "dtype", "bound"),
    [*((name, float32, 1e-5) for name in EXACT), *((name, float64, 1e-10) for name in ("newton-schulz", "block-cayley"))],
    ids=str,
)
def test_singular_values_stay_over_a_thousand_steps(name, dtype, bound):
    """Steps of 1 % with fresh noise: the sheet's thresholds. What adds up would show."""
    shape = SHAPES[list(EXACT).index(name) % 3]
    p = weight(shape, dtype=dtype)
    first, target = p.detach().clone(), weight(shape, 5, dtype).detach()
    optimizer = IsoOptimizer([p], lr=3e-3, iso=Isospectral(**EXACT[name]), fused=True)
    noise = torch.Generator().manual_seed(1)
    for _ in range(1000):
        p.grad = p.detach() - target + 0.3 * randn(shape, generator=noise, dtype=dtype)
        optimizer.step()
    assert spectrum_error(p, first) < bound
    frames = optimizer.frames(p)
    assert max(deviation(frames.U), deviation(frames.V)) < bound / 5
    assert (p.detach() - target).norm() < 0.9 * (first - target).norm()


def test_muon_holds_the_spectrum_too():
    p = weight((12, 7), dtype=float32)
    first = p.detach().clone()
    optimizer = IsoOptimizer([p], lr=0.02, **iso_preset("iso-muon"))
    noise = torch.Generator().manual_seed(1)
    for _ in range(100):
        p.grad = randn(12, 7, generator=noise)
        optimizer.step()
    assert spectrum_error(p, first) < 1e-5
    assert (p.detach() - first).norm() > 0.1 * first.norm()


@pytest.mark.parametrize("name", RETRACTIONS, ids="name={}".format)
def test_frames_that_have_drifted_are_mended(name, stream, drive):
    """A drift of 1e-3 put in by hand: gone after one step, of a Cayley retraction after 16."""
    p = weight((12, 7), dtype=float32)
    optimizer = IsoOptimizer([p], lr=1e-4, iso=Isospectral(retraction=name, block=4))
    optimizer.frames(p)
    optimizer.state[p]["left"][:, 2] *= 1.001
    drive(optimizer, p, stream((12, 7), 16, dtype=float32))
    assert deviation(optimizer.frames(p).U) < 1e-6


def test_without_a_retraction_the_spectrum_moves_by_the_square_of_the_step():
    """The sheet's 5e-4 at 1e-3 and .055 at 1e-2, of another size: a step ten times as long moves it a hundred times as far."""
    p = weight((96, 64))
    u, s, vh = linalg.svd(p.detach(), full_matrices=False)
    xi = tangent(u, weight((96, 64), 1).detach())
    moved = [spectrum_error((u + e * xi) * s @ vh, p) for e in (1e-3, 1e-2)]
    assert moved[1] / moved[0] == pytest.approx(100, rel=0.1)
    assert spectrum_error(polar(u + 1e-2 * xi) * s @ vh, p) < 2e-14


@pytest.mark.parametrize("retraction", [name for name in RETRACTIONS if name != "block-cayley"], ids="name={}".format)
def test_the_nearest_matrix_of_the_spectrum_is_found(retraction):
    """Truth: the least |W - T|_F at fixed singular values is |sigma(W) - sigma(T)|."""
    p, target = weight((12, 7)), weight((12, 7), 5).detach()
    distance = (linalg.svdvals(p.detach()) - linalg.svdvals(target)).norm().item()
    optimizer = IsoOptimizer([p], lr=0.02, iso=Isospectral(base="sgd", gradient="riemannian", retraction=retraction))
    for _ in range(500):
        p.grad = p.detach() - target
        optimizer.step()
    assert (p.detach() - target).norm().item() == pytest.approx(distance, rel=1e-4)


@pytest.mark.parametrize(("base", "gradient", "moves"), [
    ("sgd", "euclidean", False), ("sgd", "riemannian", False), ("adamw", "riemannian", False), ("adamw", "euclidean", True),
])  # fmt: skip
def test_adamw_on_euclidean_gradients_leaves_the_best_matrix_of_a_spectrum(base, gradient, moves):
    """Trap: a gradient that is normal to the constraint is not so once its entries are divided one by one."""
    p = weight((12, 7))
    u, s, vh = linalg.svd(p.detach(), full_matrices=False)
    p.grad = u * torch.linspace(1.0, 2.0, 7, dtype=float64) @ vh  # all that could be gained is by the singular values
    optimizer = IsoOptimizer([p], lr=0.01, eps=1e-3, iso=Isospectral(base=base, gradient=gradient))
    optimizer.step()
    moved = ((p.detach() - u * s @ vh).norm() / s.norm()).item()
    assert moved > 0.01 if moves else moved < 1e-12


@pytest.mark.parametrize("spectrum", ["repeated", "deficient"])
@pytest.mark.parametrize("base", ["sgd", "muon"])
def test_the_choice_of_singular_vectors_does_not_matter(base, spectrum, stream, drive):
    """Vectors of a repeated singular value are rotated together, those of 0 each on its side."""
    values = [3.0, 2.0, 2.0, 2.0, 1.0, 0.5, 0.2] if spectrum == "repeated" else [3.0, 2.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    g = torch.Generator().manual_seed(0)
    left, right = (linalg.qr(randn(size, 7, generator=g, dtype=float64)).Q for size in (12, 9))
    turns = [linalg.qr(randn(3, 3, generator=g, dtype=float64)).Q for _ in range(2)]
    block = slice(1, 4) if spectrum == "repeated" else slice(4, 7)
    results = []
    for turned in (False, True):
        p = nn.Parameter(left * torch.tensor(values, dtype=float64) @ right.T)
        optimizer = IsoOptimizer([p], lr=0.05, iso=Isospectral(base=base))
        optimizer.frames(p)
        state = optimizer.state[p]
        if turned:
            state["left"][:, block] @= turns[0]
            state["right"][:, block] @= turns[0 if spectrum == "repeated" else 1]
        results.append(drive(optimizer, p, stream((12, 9), 3))[-1])
    # msign is computed in bf16, which no rotation commutes with.
    torch.testing.assert_close(*results, rtol=0.0, atol=0.02 if base == "muon" else 1e-12)
    assert linalg.svdvals(results[0]).tolist() == pytest.approx([*values, 0.0, 0.0], abs=1e-12)


def test_the_signs_of_singular_vectors_do_not_matter_to_adamw(stream, drive):
    results = []
    for sign in (1.0, -1.0):
        p = weight((12, 7))
        optimizer = IsoOptimizer([p], lr=0.05, iso=Isospectral())
        optimizer.frames(p)
        for side in ("left", "right"):
            optimizer.state[p][side][:, ::2] *= sign
        results.append(drive(optimizer, p, stream((12, 7), 3))[-1])
    torch.testing.assert_close(*results, rtol=1e-13, atol=1e-13)


def test_the_diagonal_in_the_frames_is_of_second_order(stream, drive):
    """diag(U^T dW V) = 0 for a tangent dW: a step a tenth as long leaves a hundredth."""
    found = []
    for lr in (1e-3, 1e-4):
        p = weight((12, 7))
        u, s, vh = linalg.svd(p.detach(), full_matrices=False)
        change = drive(IsoOptimizer([p], lr=lr, iso=Isospectral()), p, stream((12, 7), 1))[0] - u * s @ vh
        found.append((u.T @ change @ vh.T).diagonal().norm().item())
    assert found[0] / found[1] == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("shape", [(96, 64), (64, 96), (80, 80)], ids=str)
def test_an_adamw_rate_is_a_relative_step_of_its_product_with_the_longer_side_root(shape):
    """|dW|_F / |W|_F = 1.0 - 1.3 lr sqrt(max(m, n)) for a gradient without structure; the frames' turns add up a little."""
    p, lr = weight(shape), 1e-5
    first = p.detach().clone()
    p.grad = weight(shape, 7).detach()
    IsoOptimizer([p], lr=lr, iso=Isospectral()).step()
    assert 1.0 < ((p.detach() - first).norm() / first.norm() / (lr * sqrt(max(shape)))).item() < 1.3


@pytest.mark.parametrize(("power", "low", "high"), [(1.0, 8.0, 40.0), (0.5, 4.0, 20.0), (0.0, 0.8, 1.3)], ids="i^-{}".format)
def test_the_update_of_a_steep_spectrum_is_principal_and_of_a_flat_one_not(power, low, high, n=192, k=12):
    """H18: energy of the first step in the leading k x k block over its chance k^2/n^2; the sheet has 20, 10 and 1.06."""
    g = torch.Generator().manual_seed(0)
    u, v = (linalg.qr(randn(n, n, generator=g)).Q for _ in range(2))
    p = nn.Parameter(u * torch.arange(1.0, n + 1).pow(-power) @ v.T)
    first, p.grad = p.detach().clone(), randn(n, n, generator=g)
    IsoOptimizer([p], lr=1e-4, iso=Isospectral()).step()
    change = p.detach() - first
    share = (u[:, :k].T @ change @ v[:, :k]).norm().square() / change.norm().square()
    assert low < share.item() * n**2 / k**2 < high


def test_a_bf16_weight_is_the_rounding_of_the_product(stream, drive):
    """Its frames are fp32 and exact; its own singular values are off by one rounding, which does not add up."""
    p = weight((48, 32), dtype=torch.bfloat16)
    first = p.detach().clone()
    optimizer = IsoOptimizer([p], lr=1e-3, iso=Isospectral())
    drive(optimizer, p, stream((48, 32), 60, dtype=torch.bfloat16))
    frames = optimizer.frames(p)
    assert {t.dtype for t in frames} == {float32}
    product = (frames.U * frames.S) @ frames.V.T
    assert torch.equal(p.detach(), product.bfloat16())
    assert spectrum_error(product, first) < 1e-5
    assert 1e-5 < spectrum_error(p, first) < 2e-3


def test_what_is_no_matrix_and_groups_without_iso_are_torchs_adamw(stream):
    """Bit for bit; and a parameter without a gradient is not touched."""
    shapes = [(7,), (3, 2, 2, 2), ()]
    ours, theirs = ([weight(s, i, float32) for i, s in enumerate([*shapes, (6, 4)])] for _ in range(2))
    matrix, idle = weight((12, 7), 9, float32), weight((5, 5), 9, float32)
    settings = dict(lr=0.01, betas=(0.9, 0.95), eps=1e-7)
    groups = [{"params": [matrix, idle, *ours[:3]], "iso": Isospectral()}, {"params": ours[3:], "weight_decay": 0.1}]
    optimizer = IsoOptimizer(groups, **settings, fused=True)
    reference = torch.optim.AdamW(
        [{"params": theirs[:3]}, {"params": theirs[3:], "weight_decay": 0.1}], weight_decay=0.0, fused=True, **settings
    )
    kept = idle.detach().clone()
    for t in range(4):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = weight(p.shape, 50 + t, float32).detach()
            q.grad = p.grad.clone()
        matrix.grad = weight((12, 7), 50 + t, float32).detach()
        optimizer.step()
        reference.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))
    assert torch.equal(idle, kept) and idle not in optimizer.state


def test_a_closure_gives_its_loss():
    p = weight((5, 4))
    optimizer = IsoOptimizer([p], iso=Isospectral())

    def closure():
        optimizer.zero_grad()
        loss = p.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == pytest.approx(weight((5, 4)).square().sum().item())


def test_blocks_are_dealt_anew_at_every_step_and_by_the_seed(stream, drive):
    def end(seed, block=4):
        p = weight((12, 7))
        options = Isospectral(base="sgd", momentum=0.0, retraction="block-cayley", block=block)
        return drive(IsoOptimizer([p], lr=0.01, iso=options, seed=seed), p, [stream((12, 7), 1)[0]] * 2)

    first, again, other = end(0), end(0), end(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.allclose(first[0], other[0])
    start = weight((12, 7)).detach()
    assert not torch.allclose(first[1] - first[0], first[0] - start, atol=1e-3)
    torch.testing.assert_close(*(end(seed, 12)[0] for seed in (0, 1)))  # one block of all rows: their order is nothing


def untouched(p, optimizer, error, match):
    """Raises, and leaves the weight and what is remembered as they were."""
    before, state = p.detach().clone(), {k: v.clone() for k, v in optimizer.state.get(p, {}).items()}
    with pytest.raises(error, match=match):
        optimizer.step()
    assert torch.equal(p.nan_to_num(), before.nan_to_num())
    assert all(torch.equal(optimizer.state[p][k], v) for k, v in state.items())


def test_gradients_that_cannot_be_used_are_errors_and_nothing_moves(stream, drive):
    p, other = weight((6, 4)), weight((4,))
    optimizer = IsoOptimizer([other, p], iso=Isospectral())
    drive(optimizer, p, stream((6, 4), 1))
    other.grad = torch.ones(4, dtype=float64)
    p.grad[2, 1] = torch.nan
    kept = other.detach().clone()
    untouched(p, optimizer, TrainingError, "the gradient of parameter 1, 6 x 4, is not finite: nothing was moved")
    p.grad = torch.eye(6, 4, dtype=float64).to_sparse()
    untouched(p, optimizer, SpecError, "the gradient of parameter 1 is sparse")
    assert torch.equal(other, kept)


@pytest.mark.parametrize("retraction", RETRACTIONS, ids="name={}".format)
def test_a_step_beyond_the_finite_numbers_leaves_the_weight(retraction):
    p = weight((6, 4), dtype=float32)
    optimizer = IsoOptimizer([p], lr=1e38, iso=Isospectral(base="sgd", momentum=0.0, retraction=retraction))
    optimizer.frames(p)
    p.grad = torch.full((6, 4), 1e9)
    untouched(p, optimizer, TrainingError, "a step of a frame is not finite: lower the learning rate")


def test_a_spectrum_beyond_the_finite_numbers_leaves_the_weight():
    p = weight((6, 4), dtype=float32)
    optimizer = IsoOptimizer([p], lr=1e38, iso=Isospectral(base="sgd", momentum=0.0, train="spectrum"))
    optimizer.frames(p)
    p.grad = torch.full((6, 4), 1e9)
    untouched(p, optimizer, TrainingError, "a step of a spectrum is not finite")


def test_weights_without_a_spectrum_to_hold_are_errors():
    zero, broken = nn.Parameter(torch.zeros(6, 4)), nn.Parameter(torch.full((6, 4), torch.nan))
    for p, error, says in ((zero, SpecError, "parameter 0 is all zeros"), (broken, TrainingError, "no singular values")):
        p.grad = torch.ones(6, 4)
        untouched(p, IsoOptimizer([p], iso=Isospectral()), error, says)
    optimizer = IsoOptimizer([zero], lr=0.1, iso=Isospectral(train="spectrum"))
    optimizer.step()
    assert zero.any()


def test_a_weight_that_changed_its_shape_is_an_error(stream, drive):
    p = weight((6, 4))
    optimizer = IsoOptimizer([p], iso=Isospectral())
    drive(optimizer, p, stream((6, 4), 1))
    p.data, p.grad = torch.zeros(6, 5, dtype=float64), torch.zeros(6, 5, dtype=float64)
    with pytest.raises(SpecError, match=r"parameter 0 has shape \(6, 5\), and its state was made for \(6, 4\)"):
        optimizer.step()


def test_frames_are_of_matrices_in_a_group_with_iso():
    p, vector, plain = weight((6, 4)), weight((4,)), weight((3, 3))
    optimizer = IsoOptimizer([{"params": [p, vector], **iso_preset("iso")}, {"params": [plain]}])
    found = optimizer.frames(p)
    torch.testing.assert_close(found.U * found.S @ found.V.T, p.detach())
    found.U.zero_()
    assert optimizer.frames(p).U.any()  # a copy
    for other in (vector, plain, weight((2, 2))):
        with pytest.raises(SpecError, match="only a matrix of a group with `iso` has frames"):
            optimizer.frames(other)
