import pytest
import torch

from harness.spectra.base_frame import base_frame
from harness.spectra.base_masks import COUNTED, low_rows, principal_rows
from harness.spectra.masks import low_mask, principal_mask


def test_small_masks_are_the_exact_ones(weights):
    w = weights(80, 60)
    frame = base_frame(w)
    principal, low = principal_rows(w, frame.lead, 0.3), low_rows(w, 0.3)
    everything = slice(0, 80)
    assert (principal.of(everything) != principal_mask(w, 0.3, rank=frame.k)).sum() <= 1  # the quantile's own entry
    assert torch.equal(low.of(everything), low_mask(w, 0.3))
    assert principal.share == pytest.approx(0.3, abs=1e-3) and low.share == pytest.approx(0.3, abs=1e-3)


def test_large_masks_hold_what_they_say(generator):
    w = torch.randn(700, 600, generator=generator).bfloat16()
    assert w.numel() > COUNTED
    for mask in (low_rows(w, 0.3), principal_rows(w, base_frame(w).lead, 0.3)):
        held = torch.cat([mask.of(slice(0, 400)), mask.of(slice(400, 700))]).double().mean().item()
        assert held == pytest.approx(mask.share, abs=1e-12)
        assert mask.share == pytest.approx(0.3, abs=0.006)
