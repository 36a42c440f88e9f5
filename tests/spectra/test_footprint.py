"""Where an update lies: every number on an update built to have it, on noise, and on one too small to be told from rounding."""

import pytest
import torch
from harness.errors import MeasureError
from harness.models.power_law import power_law
from harness.spectra.footprint import Path, footprint
from harness.spectra.frame import Frame

K = 8
SHAPES = [(64, 64), (128, 64), (64, 128)]


@pytest.fixture(params=SHAPES, ids="{0[0]}x{0[1]}".format)
def w0(request, generator):
    return power_law(*request.param, generator)


def gaussian(shape, generator):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def rotation(n, generator):
    """A rotation by some tenths of a radian."""
    a = gaussian((n, n), generator) / n
    return torch.linalg.matrix_exp(a - a.T)


def read(w0, w1):
    return footprint(w0, w1, K)


def test_a_rotation_of_inputs_keeps_spectrum_and_left_frame(w0, generator):
    found = read(w0, w0 @ rotation(w0.shape[1], generator))
    assert found.resid < 1e-12 and found.nss < 1e-12 and found.left_gram < 1e-12
    assert found.right_gram > 0.05 and found.rel > 0.05
    assert found.p_left > 0.5, "its left energy goes by sigma^2"


def test_a_rotation_of_outputs_keeps_spectrum_and_right_frame(w0, generator):
    found = read(w0, rotation(w0.shape[0], generator) @ w0)
    assert found.resid < 1e-12 and found.right_gram < 1e-12 and found.left_gram > 0.05


def test_an_update_of_the_core_is_all_in_it(w0, generator):
    frame = Frame.of(w0)
    found = read(w0, w0 + 0.1 * frame.U[:, :K] @ gaussian((K, K), generator) @ frame.V[:, :K].T)
    assert (found.core, found.p_left, found.p_right) == pytest.approx((1, 1, 1), abs=1e-12)
    assert (found.m_left, found.m_right, found.beyond) == pytest.approx((0, 0, 0), abs=1e-12)
    assert found.rank == K


def test_a_trailing_left_side_is_seen_on_that_side_alone(w0, generator):
    found = read(w0, w0 + 0.1 * Frame.of(w0).U[:, -K:] @ gaussian((K, w0.shape[1]), generator))
    assert found.m_left == pytest.approx(1, abs=1e-12) and found.m_right < 0.3 and found.p_left < 1e-12


def test_singular_values_alone_are_the_diagonal(w0, generator):
    frame = Frame.of(w0)
    found = read(w0, (frame.U * (frame.S * (1 + 0.01 * gaussian(frame.S.shape, generator)))) @ frame.V.T)
    assert found.diagonal == pytest.approx(1, abs=1e-12)
    assert found.resid == pytest.approx(1, abs=0.05), "all of it moves singular values, but for those that changed places"


@pytest.mark.parametrize("side", ["rows", "columns"])
def test_a_scaling_is_seen_on_either_side(w0, generator, side):
    m, n = w0.shape
    by = 1 + 0.1 * gaussian((m, 1) if side == "rows" else (1, n), generator)
    found = read(w0, w0 * by)
    assert found.scaling < 1e-12
    assert (found.pairs < 1e-12) is (side == "rows")


def test_rotations_of_pairs_of_rows_are_seen(w0, generator):
    half = w0.shape[0] // 2
    angle = 0.2 * gaussian((half, 1), generator)
    top, bottom = w0[:half], w0[half:]
    found = read(w0, torch.cat([angle.cos() * top - angle.sin() * bottom, angle.sin() * top + angle.cos() * bottom]))
    assert found.pairs < 1e-12 and found.scaling > 0.5


@pytest.mark.parametrize("r", [K, 2 * K])
def test_rank_is_read_as_energy_beyond(w0, generator, r):
    m, n = w0.shape
    found = read(w0, w0 + 0.01 * gaussian((m, r), generator) @ gaussian((r, n), generator))
    assert found.rank == r and found.beyond2 < 1e-20
    assert (found.beyond < 1e-20) is (r == K)


def test_noise_reads_chance(w0, generator):
    """Limit: a small Gaussian update, averaged over draws; five standard errors are below a tenth."""
    draws = [read(w0, w0 + 1e-4 * gaussian(w0.shape, generator)) for _ in range(40)]
    mean = {name: sum(getattr(each, name) for each in draws) / len(draws) for name in draws[0]._fields}
    for share, chance in (("p_left", "left"), ("m_left", "left"), ("p_right", "right"), ("m_right", "right"), ("core", "core"),
                          ("diagonal", "diagonal"), ("resid", "resid")):  # fmt: skip
        assert mean[share] == pytest.approx(mean[f"chance_{chance}"], rel=0.1), share
    assert mean["beyond2"] > 0.3 and mean["pairs"] > 0.8 and mean["scaling"] > 0.9


def test_rounding_is_no_shift(w0, generator):
    """Limit: an isospectral update below fp32's rounding reads 0; noise of that size as it is read in fp64 does not."""
    angle = 1e-6 * gaussian((w0.shape[1],) * 2, generator)
    single = (w0 @ torch.linalg.matrix_exp(angle - angle.T)).float()
    assert read(w0.float(), single).resid == 0.0


def test_the_worth_of_noise_is_not_taken_off_a_large_update(w0, generator):
    d = 0.1 * gaussian(w0.shape, generator)
    shift = (torch.linalg.svdvals(w0 + d) - torch.linalg.svdvals(w0)).norm() / d.norm()
    assert read(w0, w0 + d).resid == pytest.approx(shift.item(), rel=1e-4)


def test_what_a_path_used(generator):
    """Truth: steps in 3 fixed right directions use those; free steps use all; entries are those of the union of masks."""
    fixed = torch.linalg.qr(gaussian((16, 3), generator)).Q.T
    path, mask = Path(), torch.zeros(8, 16, dtype=torch.bool)
    mask[2, 3:7] = True
    for step in range(20):
        path.add("fixed", gaussian((8, 3), generator) @ fixed)
        path.add("free", 10.0**-step * gaussian((8, 16), generator))
        path.add("masked", gaussian((8, 16), generator) * mask)
    found = path.read()
    assert found["fixed"].right < 1e-14 and found["fixed"].left > 0.3
    assert found["free"].left > 0.3 and found["free"].right > 0.3, "a short step counts as much as a long one"
    assert (found["masked"].entries, found["free"].entries) == (4 / 128, 1.0)


@pytest.mark.parametrize(
    ("w1", "k", "says"),
    [(torch.zeros(4, 6), 2, "one shape"), (torch.ones(4, 4), 3, "from 1 to 2"), (torch.eye(4), 1, "is zero")],
    ids=["shape", "k", "zero"],
)
def test_bad_input(w1, k, says):
    with pytest.raises(MeasureError, match=says):
        footprint(torch.eye(4), w1, k)
