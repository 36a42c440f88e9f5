import numpy
import pytest
import scipy.linalg
import torch

from harness.errors import MeasureError
from harness.nulls.tilt import tilt
from harness.spectra import Change, rotation, rotation_floor
from harness.spectra.subspace_rotation import rounding_noise


@pytest.mark.parametrize("m, n", [(24, 24), (30, 20), (20, 30)])
@pytest.mark.parametrize("k", [1, 4])
def test_it_is_the_largest_angle_between_numpys_leading_vectors(m, n, k, noisy):
    """Truth: another library's decompositions and angles, at the cut that was chosen."""
    change = noisy(m, n, 1e-2)
    before, after = change.base["w"].double().numpy(), change.tuned()["w"].double().numpy()
    (u0, s0, v0), (u1, _, v1) = numpy.linalg.svd(before), numpy.linalg.svd(after)
    turned = rotation(change, "left", k=k)
    cut = int(turned.k["w"])
    assert k <= 2 * cut <= 4 * k
    assert turned.gap["w"] == pytest.approx(s0[cut - 1] / s0[cut])
    left = scipy.linalg.subspace_angles(u0[:, :cut], u1[:, :cut])[0]
    right = scipy.linalg.subspace_angles(v0[:cut].T, v1[:cut].T)[0]
    # tuned() rounds to fp32, the measure does not: 6e-8 of the weights against gaps of 1e-3 of them.
    assert turned.angle["w"] == pytest.approx(left, abs=1e-3)
    assert rotation(change, "right", k=k).angle["w"] == pytest.approx(right, abs=1e-3)
    assert rotation(change, k=k).angle["w"] == pytest.approx(max(left, right), abs=1e-3)


@pytest.mark.parametrize("theta", [1e-6, 1e-2, 1.0], ids="theta={:g}".format)
@pytest.mark.parametrize("side, other", [("left", "right"), ("right", "left")])
def test_a_planted_tilt_is_found_on_its_side_alone(theta, side, other, noisy, generator):
    """Truth: the plant's angle. Rounding is 1e-14 sigma_1 / (sigma_k - sigma_(k+1)), here a gap of 1e-3 or more."""
    planted = tilt(noisy(48, 40, 1e-2), generator, theta=theta, side=side)
    assert rotation(planted, side).angle["w"] == pytest.approx(theta, abs=1e-10)
    assert rotation(planted, other).angle["w"] < 1e-10
    assert rotation(planted, side).sine["w"] == pytest.approx(numpy.sin(theta), abs=1e-10)


def test_an_update_that_turns_nothing_reads_nothing(weights):
    """Limit: a zero update, and weight decay, keep every subspace."""
    w = weights(32, 24)
    assert rotation(Change({"w": w}, {"w": 0 * w.double()})).angle["w"] < 1e-13
    assert rotation(Change({"w": w}, {"w": -0.1 * w.double()})).angle["w"] < 1e-10


def test_the_gapped_cut_is_steadier_than_one_inside_the_bulk(generator):
    """Limit: with sigma = 10 down to index 6 and 1 below, noise turns the 6-space by |D|_2 / 9 at most; the 8-space, cut
    between equal values, turns by anything."""
    u, v = (torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    s = torch.tensor([10.0] * 6 + [1.0] * 34, dtype=torch.float64)
    base = ((u * s) @ v.T).float()
    d = 1e-4 * torch.randn(40, 40, generator=generator, dtype=torch.float64)
    change = Change({"w": base}, {"w": d})
    longest = torch.linalg.matrix_norm(d, 2).item()
    steady, loose = rotation(change, k=8), rotation(change, k=8, gapped=False)
    assert (steady.k["w"], loose.k["w"]) == (6, 8)
    assert steady.angle["w"] < longest / 9 * 1.01 < 1e-3 < 0.5 < loose.angle["w"]


@pytest.mark.parametrize("m, n", [(256, 192), (128, 512)])
def test_the_floor_is_as_large_as_a_round_trip_through_bf16(m, n, weights, generator):
    """Limit: off the grid the error of rounding is uniform within a step, and its mean square spreads over N entries by
    about 1 / sqrt(N) relative; five of those, halved by the root."""
    w = weights(m, n)
    trip = Change.from_weights({"w": w}, {"w": w.bfloat16()})
    noise = rounding_noise(w, generator)
    assert torch.linalg.vector_norm(noise).item() == pytest.approx(trip.norm()["w"], rel=5 / (m * n) ** 0.5)
    # The largest of k angles of noise: a few tens of per cent from draw to draw.
    floor, real = rotation_floor(trip, generator), rotation(trip)
    assert floor.k == real.k
    assert 0.4 < floor.angle["w"] / real.angle["w"] < 2.5


def test_a_floor_repeats_and_does_not_read_the_update(noisy):
    change = noisy(24, 24, 1e-3)
    seeded = [torch.Generator().manual_seed(seed) for seed in (0, 0, 1)]
    first, again, other = (rotation_floor(change.scaled(f), g).angle["w"] for f, g in zip((1, 9, 1), seeded, strict=True))
    assert first == again != other


def test_an_unknown_side_is_refused(noisy):
    with pytest.raises(MeasureError, match="unknown side 'top': use 'left', 'right' or 'both'"):
        rotation(noisy(4, 4, 1.0), "top")
