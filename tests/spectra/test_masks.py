import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, changed_masks, low_mask, mask_overlap, principal_mask
from harness.spectra.masks import largest


def top_by_sorting(scores: numpy.ndarray, alpha: float) -> set[int]:
    flat = scores.flatten()
    return set(numpy.argsort(-flat, kind="stable")[: round(alpha * flat.size)].tolist())


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.5, 0.99], ids="alpha={:g}".format)
def test_largest_is_the_head_of_a_stable_sort(alpha, weights):
    """Truth: also with many ties, as weights on a grid have."""
    scores = (weights(31, 17) * 100).round()
    mask = largest(scores, alpha)
    assert set(mask.flatten().nonzero().flatten().tolist()) == top_by_sorting(scores.numpy(), alpha)


@pytest.mark.parametrize("m, n", [(24, 24), (40, 16)])
def test_overlaps_are_counts_over_sets(m, n, noisy):
    """Truth: sets of entries from numpy's SVD and sorts."""
    change = noisy(m, n, 1e-3)
    w0 = change.base["w"].numpy()
    u, s, vh = numpy.linalg.svd(w0.astype(numpy.float64), full_matrices=False)
    principal = top_by_sorting(abs((u[:, :3] * s[:3]) @ vh[:3]), 0.3)
    low = top_by_sorting(-abs(w0), 0.3)
    moved = set(changed_masks(change)["w"].flatten().nonzero().flatten().tolist())
    assert mask_overlap(change, "principal", rank=3)["w"] == len(principal & moved) / len(moved)
    assert mask_overlap(change, "low")["w"] == len(low & moved) / len(moved)


def test_masks_hold_the_stated_fraction_and_low_is_low(weights):
    w = weights(64, 48)
    assert principal_mask(w, 0.25).sum() == low_mask(w, 0.25).sum() == w.numel() // 4
    assert w[low_mask(w, 0.25)].abs().max() < w[~low_mask(w, 0.25)].abs().min()


@pytest.mark.parametrize("which", ["principal", "low"])
@pytest.mark.parametrize("alpha", [0.3, 0.5], ids="alpha={:g}".format)
def test_changes_that_ignore_the_weights_meet_at_chance(which, alpha, weights, generator):
    """Limit: an update of 2^-6 |W0| on a random tenth shows everywhere it is made: overlap alpha within five
    standard errors sqrt(alpha (1 - alpha) / count)."""
    w = weights(256, 192)
    chosen = torch.rand(w.shape, generator=generator) < 0.1
    change = Change.from_weights({"w": w}, {"w": torch.where(chosen, w * (1 + 2**-6), w)})
    error = (alpha * (1 - alpha) / chosen.sum().item()) ** 0.5
    assert mask_overlap(change, which, alpha)["w"] == pytest.approx(alpha, abs=5 * error)


def test_a_change_planted_in_a_mask_is_found_there(weights):
    w = weights(64, 64)
    for which, mask in (("principal", principal_mask(w)), ("low", low_mask(w))):
        change = Change.from_weights({"w": w}, {"w": torch.where(mask, 2 * w, w)})
        assert mask_overlap(change, which)["w"] == 1.0
        change = Change.from_weights({"w": w}, {"w": torch.where(mask, w, 2 * w)})
        assert mask_overlap(change, which)["w"] == 0.0


def test_masks_of_other_parameters_are_other_masks(weights):
    """The cache tells alpha and rank apart."""
    w = weights(32, 32)
    assert not torch.equal(principal_mask(w, 0.3, rank=2), principal_mask(w, 0.3, rank=8))
    assert principal_mask(w, 0.5).sum() != principal_mask(w, 0.3).sum()
    assert low_mask(w, 0.3) is low_mask(w.clone(), 0.3)


def test_what_is_undefined_is_refused(noisy):
    with pytest.raises(MeasureError, match="no entry of w changes in bf16: .* is undefined"):
        mask_overlap(noisy(8, 8, 1e-9), "low")
    with pytest.raises(MeasureError, match="unknown mask 'high': use 'principal' or 'low'"):
        mask_overlap(noisy(8, 8, 1.0), "high")
    with pytest.raises(MeasureError, match="alpha = 1.0 of the entries"):
        mask_overlap(noisy(8, 8, 1.0), "low", alpha=1.0)


def test_at_a_density_the_largest_entries_count_and_no_format(weights):
    """An update too small for bf16, largest on M_princ: its top tenth lies there."""
    w = weights(64, 64)
    update = torch.where(principal_mask(w, 0.1), 2e-9, 1e-9).double()
    change = Change({"w": w}, {"w": update})
    assert mask_overlap(change, "principal", alpha=0.1, density=0.1)["w"] == 1.0
    with pytest.raises(MeasureError, match="no entry"):
        mask_overlap(change, "principal", alpha=0.1)
