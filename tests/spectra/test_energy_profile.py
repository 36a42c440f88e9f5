import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.principal_block import principal_block
from harness.spectra import Change, Frame, energy_profile, kappa


@pytest.mark.parametrize("m, n", [(14, 14), (20, 14), (14, 20)])
def test_bins_are_sums_over_single_directions(m, n, noisy):
    """Truth: numpy's vectors one at a time; 14 directions in bins of 5, 5, 4."""
    change = noisy(m, n, 1e-2)
    u, _, vh = numpy.linalg.svd(change.base["w"].double().numpy())
    d = change.update["w"].numpy()
    energy = (d**2).sum()
    by_side = {
        "left": [((u[:, i] @ d) ** 2).sum() / energy * m for i in range(14)],
        "right": [((d @ vh[i]) ** 2).sum() / energy * n for i in range(14)],
        "diagonal": [float(u[:, i] @ d @ vh[i]) ** 2 / energy * m * n for i in range(14)],
    }
    for side, values in by_side.items():
        truth = [numpy.mean(values[start:end]) for start, end in ((0, 5), (5, 10), (10, 14))]
        assert [bin_["w"] for bin_ in energy_profile(change, side, bins=3)] == pytest.approx(truth)


@pytest.mark.parametrize("side, count", [("left", 32 * 256), ("right", 32 * 256), ("diagonal", 32)])
def test_noise_reads_one_in_every_bin(side, count, noisy):
    """Limit: chi^2 with `count` degrees over count: spread sqrt(2 / count), 5.5 for the largest of 8."""
    for bin_ in energy_profile(noisy(256, 256, 1e-3), side):
        assert bin_["w"] == pytest.approx(1.0, abs=5.5 * (2 / count) ** 0.5)


def test_a_square_frame_holds_all_energy_and_the_diagonal_is_kappa(noisy):
    """Limit: sides average to 1; the diagonal averages to kappa to first order in relative size over gaps."""
    change = noisy(32, 32, 1e-8)
    for side in ("left", "right"):
        assert numpy.mean([bin_["w"] for bin_ in energy_profile(change, side)]) == pytest.approx(1.0, rel=1e-12)
    diagonal = numpy.mean([bin_["w"] for bin_ in energy_profile(change, "diagonal")])
    assert diagonal == pytest.approx(kappa(change)["w"], rel=1e-4)


def test_energy_planted_in_the_leading_block_lies_in_the_first_bin(noisy, generator):
    planted = principal_block(noisy(32, 32, 1e-3), generator)
    for side in ("left", "right"):
        assert [bin_["w"] for bin_ in energy_profile(planted, side)] == pytest.approx([8.0] + [0.0] * 7, abs=1e-12)


def test_a_matrix_along_itself_is_all_diagonal(weights):
    """Limit: D = c W0 has c_ii = c s_i and nothing else."""
    w = weights(24, 24)
    change = Change({"w": w}, {"w": 0.1 * w.double()})
    s = Frame.of(w).S
    truth = (s.square() / s.square().sum() * 24 * 24).tolist()
    assert [bin_["w"] for bin_ in energy_profile(change, "diagonal", bins=24)] == pytest.approx(truth)


def test_what_is_undefined_is_refused(noisy):
    change = noisy(6, 4, 1.0)
    with pytest.raises(MeasureError, match="5 bins of the 4 directions of w"):
        energy_profile(change, bins=5)
    with pytest.raises(MeasureError, match="unknown side 'up'"):
        energy_profile(change, "up")
    with pytest.raises(MeasureError, match="the update of w is zero"):
        energy_profile(noisy(4, 4, 0.0), bins=2)
