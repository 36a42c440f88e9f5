import pytest
import scipy.linalg
import torch
from harness.errors import TrainingError
from harness.optimizers.retractions import RETRACTIONS, block_cayley, newton_schulz, polar, retract, tightened
from harness.optimizers.stiefel import deviation, tangent
from torch import float32, float64, linalg, randn

SHAPES = [(12, 5), (12, 8), (9, 9), (6, 1)]
FULL = [name for name in RETRACTIONS if name != "block-cayley"]


def pair(m, q, seed=0, dtype=float64):
    """A frame and a direction of unit spectral norm."""
    g = torch.Generator().manual_seed(seed)
    x, d = linalg.qr(randn(m, q, generator=g, dtype=float64)).Q, randn(m, q, generator=g, dtype=float64)
    return x.to(dtype), (d / linalg.matrix_norm(d, 2)).to(dtype)


@pytest.mark.parametrize("name", RETRACTIONS, ids="name={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("length", [1e-6, 0.1, 3.0], ids="length={:g}".format)
def test_the_result_is_a_frame_whatever_the_step(shape, name, length):
    x, d = pair(*shape)
    assert deviation(retract(name, x, length * d, block=4)) < 1e-13


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_polar_is_the_nearest_frame(shape):
    """Truth: scipy's polar factor; and no frame that was tried is nearer."""
    x, d = pair(*shape)
    found = retract("polar", x, 0.3 * d)
    torch.testing.assert_close(found, torch.from_numpy(scipy.linalg.polar((x + 0.3 * d).numpy())[0]), rtol=1e-12, atol=1e-13)
    for seed in range(20):
        other = retract("polar", found, 0.05 * pair(*shape, seed + 1)[1])
        assert (found - x - 0.3 * d).norm() <= (other - x - 0.3 * d).norm()


@pytest.mark.parametrize("name", FULL, ids="name={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_to_first_order_it_is_the_tangent_part_of_the_step(shape, name):
    """Limit: the remainder falls with the square of the length, for steps that are not tangent too."""
    x, d = pair(*shape)
    rest = [(retract(name, x, e * d) - x - e * tangent(x, d)).norm().item() for e in (1e-2, 1e-3)]
    assert rest[0] < 2e-3
    assert rest[1] <= 0.012 * rest[0] + 1e-15


def test_second_orders_stand_as_in_the_sheet():
    """96 x 64, a tangent Gaussian: polar 344 < cayley 368 < qr 410 there, of another draw."""
    g = torch.Generator().manual_seed(0)
    x = linalg.qr(randn(96, 64, generator=g, dtype=float64)).Q
    d = tangent(x, randn(96, 64, generator=g, dtype=float64))
    e = 1e-4
    second = {name: ((retract(name, x, e * d) - x - e * d).norm() / e**2).item() for name in FULL}
    assert second["polar"] < second["cayley"] < second["qr"]
    assert second["newton-schulz"] == pytest.approx(second["polar"], rel=1e-4)
    assert [second[name] for name in ("polar", "cayley", "qr")] == pytest.approx([344, 368, 410], rel=0.05)


@pytest.mark.parametrize(("dtype", "close"), [(float64, 1e-13), (float32, 2e-6)], ids=str)
@pytest.mark.parametrize("shape", [*SHAPES, (96, 64)], ids=str)
@pytest.mark.parametrize("length", [1e-5, 1e-2, 0.5, 50.0], ids="length={:g}".format)
def test_newton_schulz_is_polar(shape, length, dtype, close):
    """Long steps too, where the iteration alone would end at singular values of -1."""
    x, d = pair(*shape, dtype=dtype)
    y = x + length * d
    floor = linalg.svdvals(y.double()).min().item()
    torch.testing.assert_close(newton_schulz(y), polar(y), rtol=0.0, atol=close * max(1.0, length / floor))


def test_newton_schulz_without_the_scaling_would_end_elsewhere():
    """The trap is real: 2 goes to -1."""
    x, _ = pair(9, 9)
    y = plain = 2.0 * x
    for _ in range(20):
        plain = 1.5 * plain - 0.5 * plain @ (plain.T @ plain)
    assert (plain + x).norm() < 1e-12
    assert (newton_schulz(y) - x).norm() < 1e-12


@pytest.mark.parametrize(("tangential", "order"), [(False, 2), (True, 4)], ids=["any step", "tangent step"])
def test_one_iteration_is_off_by_the_square_of_the_normal_part(tangential, order):
    """Halving the step divides what one iteration leaves by 4, of a tangent step by 16."""
    x, d = pair(24, 16)
    d = tangent(x, d) if tangential else d
    off = [(newton_schulz(x + e * d, 1) - polar(x + e * d)).norm().item() for e in (0.1, 0.05)]
    assert off[0] / off[1] == pytest.approx(2**order, rel=0.15)


def test_newton_schulz_mends_what_rounding_has_done_and_leaves_a_frame_alone():
    x, d = pair(40, 16, dtype=float32)
    bent = x + 1e-3 * d
    assert deviation(bent) > 1e-4 and deviation(tightened(bent)) < 5e-7
    assert tightened(x) is x


@pytest.mark.parametrize("shape", [(12, 5), (12, 8), (9, 9)], ids=str)
def test_cayley_is_the_rational_function_of_the_skew_generator(shape):
    """Truth: A written out, m x m; both forms of the solve."""
    m, q = shape
    x, d = pair(m, q)
    p, eye = torch.eye(m, dtype=float64) - x @ x.T / 2, torch.eye(m, dtype=float64)
    a = p @ d @ x.T - x @ d.T @ p
    expected = linalg.inv(eye - a / 2) @ (eye + a / 2) @ x
    torch.testing.assert_close(retract("cayley", x, d), expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(block_cayley(x, d, m), expected, rtol=1e-12, atol=1e-13)


def test_block_cayley_turns_the_rows_of_each_block_among_themselves():
    """Truth: the generator with all but the permuted diagonal blocks set to 0; the last block is smaller."""
    x, d = pair(11, 6)
    rows = torch.randperm(11, generator=torch.Generator().manual_seed(3))
    p, eye = torch.eye(11, dtype=float64) - x @ x.T / 2, torch.eye(11, dtype=float64)
    whole = p @ d @ x.T - x @ d.T @ p
    a = torch.zeros_like(whole)
    for chosen in rows.split(4):
        a[chosen[:, None], chosen] = whole[chosen[:, None], chosen]
    expected = linalg.inv(eye - a / 2) @ (eye + a / 2) @ x
    torch.testing.assert_close(block_cayley(x, d, 4, rows), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", RETRACTIONS, ids="name={}".format)
def test_a_step_that_is_not_finite_is_an_error(name):
    x, d = pair(12, 5)
    d[3, 2] = torch.inf
    with pytest.raises(TrainingError, match="a step of a frame is not finite: lower the learning rate"):
        retract(name, x, d, block=4)
