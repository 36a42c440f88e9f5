import pytest
import torch

from harness.nulls import gated_jaccard
from harness.nulls.shared_mask import shared_mask
from harness.spectra import Change, jaccard


def on_grid(seed: int) -> Change:
    generator = torch.Generator().manual_seed(seed)
    base = (0.02 * torch.randn(256, 256, generator=generator)).bfloat16().float()
    return Change({"w": base}, {"w": torch.randn(256, 256, generator=generator).double()})


def test_runs_on_one_base_move_the_same_entries_with_signs_of_their_own(generator):
    """Limit: .5 of 65536 coins, five standard errors; signs agree on half."""
    arm = on_grid(0)
    a, b = shared_mask(arm, generator).update["w"], shared_mask(arm.scaled(2.0), generator).update["w"]
    other = shared_mask(on_grid(1), generator).update["w"]
    assert torch.equal(a != 0, b != 0)
    assert (a != 0).double().mean().item() == pytest.approx(0.5, abs=5 * 0.5 / 256)
    agree = (a.sign() == b.sign())[a != 0].double().mean().item()
    assert agree == pytest.approx(0.5, abs=5 * 0.5 / 32_000**0.5)
    overlap = ((a != 0) & (other != 0)).double().mean().item()
    assert overlap == pytest.approx(0.25, abs=5 * 0.433 / 256)


@pytest.mark.parametrize("relative", [3e-4, 1e-3, 1e-2], ids="relative={:g}".format)
def test_the_agreement_is_found_beyond_that_of_noise(relative, generator):
    """Truth: the masks differ only where a step up and a step down end differently, just above powers of two: 1 in 128
    numbers, more where few entries show at all."""
    arm = on_grid(2)
    arm = arm.scaled(relative / arm.relative_norm())
    a, b = shared_mask(arm, generator), shared_mask(arm, generator)
    assert jaccard(a, b)["w"] > 0.97
    assert gated_jaccard(a, b, generator)["w"] < 0.8
