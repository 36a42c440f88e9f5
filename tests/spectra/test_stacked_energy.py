import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import half_overlap, stacked_energy
from harness.spectra.stacked_energy import _triangle


def gradients(count, generator, shape=(24, 20), drift=0.0):
    direction = torch.randn(shape, generator=generator)
    return [{"w": torch.randn(shape, generator=generator) + drift * direction} for _ in range(count)]


def summed(snapshots):
    rows = torch.stack([s["w"] for s in snapshots]).cumsum(0)
    return [{"w": row} for row in rows]


def smoothed(snapshots, beta=0.9):
    kept, v = [], torch.zeros_like(snapshots[0]["w"])
    for s in snapshots:
        v = beta * v + (1 - beta) * s["w"]
        kept.append({"w": v})
    return kept


@pytest.mark.parametrize("r", [1, 3])
def test_share_is_that_of_the_stacked_matrix(r, generator):
    """Truth: the singular values of the T x mn matrix itself."""
    snapshots = gradients(9, generator, drift=0.3)
    s = torch.linalg.svdvals(torch.stack([each["w"].flatten() for each in snapshots]).double())
    found = stacked_energy(snapshots, r, generator)
    assert found.share["w"] == pytest.approx((s[:r].square().sum() / s.square().sum()).item(), rel=1e-9)


def test_independent_noise_reads_its_null(generator):
    """Limit: T = 40 of 480 entries: more than r / T, which mn >> T alone would give; z within 4.5 (20 draws)."""
    found = stacked_energy(gradients(40, generator), 4, generator)
    assert found.share["w"] == pytest.approx(found.independent["w"], rel=0.05)
    assert found.independent["w"] > 1.3 * 4 / 40
    assert abs(found.cosine["w"]) < 0.05
    assert abs(found.z["w"]) < 4.5


def test_a_walk_has_its_share_in_one_direction(generator):
    """Trap: cumulative sums of noise read 8 / pi^2 = .81, their own null the same, the independent one a twentieth of it."""
    found = stacked_energy(summed(gradients(75, generator, (40, 40))), 1, generator)
    assert found.share["w"] == pytest.approx(0.81, abs=0.03)
    assert found.walk["w"] == pytest.approx(0.81, abs=0.02)
    assert found.independent["w"] < 0.05


def test_a_momentum_of_noise_is_explained_by_its_autocorrelation(generator):
    """Trap: beta .9 puts .79 of pure noise in a tenth of the directions; the null at its cosine says the same."""
    found = stacked_energy(smoothed(gradients(160, generator, (48, 48)))[60:], 10, generator)
    assert found.share["w"] == pytest.approx(0.79, abs=0.03)
    assert found.share["w"] == pytest.approx(found.autocorrelated["w"], abs=0.02)
    assert found.cosine["w"] == pytest.approx(0.9, abs=0.01)
    assert abs(found.z["w"]) < 4.5
    assert found.independent["w"] < 0.15


def test_a_persistent_direction_exceeds_every_null_but_the_walk(generator):
    """Plant: a drift of half a noise norm, in increments."""
    found = stacked_energy(gradients(60, generator, drift=0.5), 1, generator)
    assert found.z["w"] > 20
    assert found.share["w"] == pytest.approx(0.2, abs=0.04)  # .25 / 1.25


def test_halves_agree_by_brute_force(generator):
    """Truth: right singular vectors of both halves."""
    snapshots = gradients(11, generator, drift=0.4)
    rows = torch.stack([s["w"].flatten() for s in snapshots]).double()
    v = [torch.linalg.svd(part, full_matrices=False).Vh[:2] for part in (rows[:5], rows[-5:])]
    truth = (v[0] @ v[1].T).square().sum().item() / 2
    assert half_overlap(snapshots, 2)["w"] == pytest.approx(truth, rel=1e-9)
    assert half_overlap(snapshots, 2, gap=1)["w"] == pytest.approx(truth, rel=1e-9)


def test_halves_tell_a_drift_from_a_walk_in_increments_alone(generator):
    """Trap: halves of a cumulative walk agree (.59 = .77^2); those of its increments do not, those of a drift do."""
    steps = gradients(80, generator, (40, 40))
    assert half_overlap(summed(steps), 1)["w"] == pytest.approx(0.59, abs=0.1)
    assert half_overlap(steps, 1)["w"] < 0.05
    assert half_overlap(gradients(80, generator, (40, 40), drift=0.5), 1)["w"] > 0.7


@pytest.mark.parametrize("size", [30, 5])
def test_the_triangle_is_a_gaussian_matrix_in_disguise(size):
    """Truth: the Gram matrix of 8 Gaussian rows: size, with variance 2 size, on the diagonal; 0, with size, off it."""
    rng = numpy.random.default_rng(0)
    drawn = torch.stack([(t := _triangle(8, size, rng)) @ t.T for _ in range(4000)])
    mean, variance = drawn.mean(0), drawn.var(0)
    eye = torch.eye(8, dtype=torch.float64)
    assert (mean - size * eye).abs().max() < 5 * (2 * size / 4000) ** 0.5
    assert ((variance / (size * (1 + eye))) - 1).abs().max() < 0.25


def test_a_seed_repeats(generator):
    snapshots = gradients(6, generator)
    first, second = (stacked_energy(snapshots, 2, torch.Generator().manual_seed(4)) for _ in range(2))
    assert [dict(a) for a in first] == [dict(b) for b in second]


def test_what_is_undefined_is_refused(generator):
    snapshots = gradients(5, generator)
    with pytest.raises(MeasureError, match="r = 5 directions of 5 snapshots"):
        stacked_energy(snapshots, 5, generator)
    with pytest.raises(MeasureError, match="two draws or more, not 1"):
        stacked_energy(snapshots, 1, generator, draws=1)
    with pytest.raises(MeasureError, match="the gradient of w is zero: its direction in time cannot be read"):
        stacked_energy([*snapshots, {"w": torch.zeros(24, 20)}], 1, generator)
    with pytest.raises(MeasureError, match="5 snapshots with a gap of 2 leave halves of 1: choose r = 2 between 1 and that"):
        half_overlap(snapshots, 2, gap=2)
    with pytest.raises(MeasureError, match="the snapshots of w span fewer than 2 directions"):
        half_overlap([snapshots[0]] * 4, 2)
    with pytest.raises(MeasureError, match="v is on one side only"):
        stacked_energy([*snapshots, {"v": snapshots[0]["w"]}], 1, generator)
