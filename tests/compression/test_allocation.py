import pytest
import torch

from harness.compression import Allocation, split, value_spectra
from harness.errors import MeasureError


@pytest.fixture
def spectra(generator):
    shapes = {"q": (8, 8), "up": (20, 8), "down": (8, 20)}
    return value_spectra({name: torch.randn(shape, generator=generator) for name, shape in shapes.items()})


def test_costs_by_hand(spectra):
    """Truth: r (m + n), or mn where that is smaller; ratios and their spread."""
    allocation = Allocation.of({"q": 2, "up": 4, "down": 8}, spectra)
    assert dict(allocation.reduction) == {"q": 0.75, "up": 0.5, "down": 0.0}
    assert allocation.total_reduction == pytest.approx(10 / 24)
    assert allocation.parameters == 2 * 16 + 4 * 28 + 160
    assert allocation.dense_parameters == 64 + 160 + 160
    mean = 1.25 / 3
    assert allocation.non_uniformity == pytest.approx((((0.75 - mean) ** 2 + (0.5 - mean) ** 2 + mean**2) / 3) ** 0.5 / mean)


def test_half_the_ranks_of_a_square_matrix_save_nothing(spectra):
    """Trap: 4 of 8 ranks of 8 x 8 are 64 entries, as before."""
    assert Allocation.of({"q": 4, "up": 8, "down": 8}, spectra).parameters == 64 + 160 + 160


def test_the_split_reduces_low_rank_components_alone(spectra):
    """Truth: above .4999 means one half and more; the others are back at full rank, so less is achieved than attempted."""
    found = split(Allocation.of({"q": 4, "up": 5, "down": 1}, spectra))
    assert (found.lrc, found.n_lrc) == (("q", "down"), ("up",))
    assert dict(found.applied.kept) == {"q": 4, "up": 8, "down": 1}
    assert found.attempted == pytest.approx(14 / 24)
    assert found.achieved == pytest.approx(11 / 24)
    everything = split(Allocation.of({"q": 4, "up": 5, "down": 1}, spectra), min_ratio=0.0)
    assert everything.n_lrc == () and everything.achieved == everything.attempted


def test_what_is_no_allocation_is_refused(spectra):
    with pytest.raises(MeasureError, match="rank 9 of q, which has 8"):
        Allocation.of({"q": 9, "up": 1, "down": 1}, spectra)
    with pytest.raises(MeasureError, match="rank 0 of q"):
        Allocation.of({"q": 0, "up": 1, "down": 1}, spectra)
    with pytest.raises(MeasureError, match="up is on one side only"):
        Allocation.of({"q": 1, "down": 1}, spectra)
    whole = Allocation.of({"q": 8, "up": 8, "down": 8}, spectra)
    with pytest.raises(MeasureError, match="no rank was taken from any matrix"):
        _ = whole.non_uniformity
    with pytest.raises(MeasureError, match="a min_ratio of 1.0"):
        split(whole, 1.0)
