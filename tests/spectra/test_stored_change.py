import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, change_density, gated_stripe_score, mask_overlap, ulp_distance
from harness.spectra.masks import low_mask, principal_mask
from harness.spectra.stored_change import stored_change


def pair(change, stored):
    """Weights as stored, and the Change between them."""
    w0 = change.base["w"].to(stored)
    w1 = (change.base["w"].double() + change.update["w"]).float().to(stored)
    return w0, w1, Change.from_weights({"w": w0}, {"w": w1})


@pytest.mark.parametrize("shape", [(64, 48), (5000, 32), (24, 700)], ids=str)
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float32, torch.float16], ids=str)
def test_the_pass_agrees_with_the_measures_that_hold_the_matrix(noisy, shape, stored):
    w0, w1, change = pair(noisy(*shape, 2e-3), stored)
    spread = change.norm()["w"] / w0.numel() ** 0.5
    masks = [principal_mask(change.base["w"], 0.3), low_mask(change.base["w"], 0.3)]
    seen = stored_change(w0, w1, spread, [lambda rows, mask=mask: mask[rows] for mask in masks])
    assert seen.density == change_density(change)["w"]
    assert seen.median_steps() == ulp_distance(change, moved_only=True)["w"]
    for axis in ("rows", "columns"):
        assert seen.stripe_score(axis) == pytest.approx(gated_stripe_score(change, axis=axis)["w"], rel=1e-4)
    assert seen.overlap(0) == pytest.approx(mask_overlap(change, "principal")["w"])
    assert seen.overlap(1) == pytest.approx(mask_overlap(change, "low")["w"])


def test_the_histogram_counts_steps_by_hand():
    w0 = torch.tensor([[1.0, 1.0, 1.0, 0.0, -1.0]]).bfloat16()
    step = 2.0**-7
    w1 = torch.tensor([[1.0, 1.0 + step, 1.0 + 3 * step, -0.0, -1.0 - step]]).bfloat16()
    seen = stored_change(w0, w1, 1e-3)
    assert seen.changed == 3 and seen.density == 3 / 5
    assert seen.share_moved(1, 1) == 2 / 3 and seen.share_moved(3, 4) == 1 / 3 and seen.share_moved(9) == 0
    assert seen.steps.sum() == 5


def test_numbers_of_both_signs_are_as_far_apart_as_they_can_be():
    w0 = torch.full((1, 2), torch.finfo(torch.bfloat16).max).bfloat16()
    assert stored_change(w0, -w0, 1.0).median_steps() > 65000


def test_nothing_changed_has_no_histogram(weights):
    w = weights(8, 8).bfloat16()
    seen = stored_change(w, w.clone(), 1e-3)
    assert seen.density == 0.0
    for read in (seen.median_steps, lambda: seen.share_moved(1), lambda: seen.stripe_score("rows")):
        try:
            read()
        except MeasureError as error:
            assert "changes in bf16" in str(error)
