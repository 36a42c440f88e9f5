import numpy
import pytest
import torch

from harness.spectra import Change, change_density, changed, changed_masks, probe_mismatches
from harness.spectra.bf16_change import neighbours


def bf16_bits(values: numpy.ndarray) -> numpy.ndarray:
    """Round-to-nearest-even in integers: the upper half of the fp32 pattern, carried where the lower half says so."""
    bits = values.astype(numpy.float32).view(numpy.uint32).astype(numpy.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def every_bf16_number() -> torch.Tensor:
    return torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)


@pytest.mark.parametrize("relative", [1e-4, 1e-3, 1e-2], ids="relative={:g}".format)
def test_it_counts_patterns_that_integer_rounding_tells_apart(relative, noisy):
    """Truth: the cast done by hand, entry by entry, on fp32 weights off the grid."""
    change = noisy(64, 48, relative)
    after = (change.base["w"].double() + change.update["w"]).numpy()
    truth = (bf16_bits(change.base["w"].numpy()) != bf16_bits(after)).mean()
    assert 0 < change_density(change)["w"] == truth


@pytest.mark.parametrize("shift", [0, 1, 128, 2**15], ids="shift={}".format)
def test_every_pattern_against_a_shifted_one(shift):
    """Truth over all 65536 numbers: changed unless equal, zeros of either sign equal, NaN never."""
    a = every_bf16_number()
    b = a.roll(shift)
    truth = [not x == y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert changed(a, b).tolist() == truth


def test_signed_zeros_are_one_number_and_nan_has_changed():
    zero, nan = torch.tensor([0.0]), torch.tensor([float("nan")])
    assert not changed(zero, -zero).item()
    assert not changed(zero, -zero, "fp32").item()
    assert changed(nan, nan).item()
    assert changed(zero, nan).item()


def test_fp32_sees_what_bf16_does_not():
    """Limit: a step of an eighth of a bf16 ulp from the grid changes every fp32 entry and no bf16 entry."""
    w = torch.full((8, 8), 0.01).bfloat16().float()
    change = Change.from_weights({"w": w}, {"w": w * (1 + 2**-11)})
    assert change_density(change, "fp32")["w"] == 1.0
    assert change_density(change, "bf16")["w"] == 0.0


@pytest.mark.parametrize("relative", [3e-4, 1e-3, 1e-2], ids="relative={:g}".format)
def test_density_of_noise_is_what_the_rounding_boundaries_give(relative, noisy):
    """Limit: an entry of the grid changes if noise of spread s passes the midpoint to a neighbour, with probability
    erfc(up / s sqrt 2) / 2 + erfc(down / s sqrt 2) / 2; five standard errors of that many coins."""
    change = noisy(256, 256, relative, on_grid=True)
    w = change.base["w"].abs().clamp(min=1e-30).bfloat16()
    up = ((w.view(torch.int16) + 1).view(torch.bfloat16).double() - w.double()) / 2
    down = (w.double() - (w.view(torch.int16) - 1).view(torch.bfloat16).double()) / 2
    spread = change.norm()["w"] / 256
    chance = sum(torch.erfc(side / (spread * 2**0.5)) / 2 for side in (up, down))
    error = (chance * (1 - chance)).sum().sqrt().item() / w.numel()
    assert change_density(change)["w"] == pytest.approx(chance.mean().item(), abs=5 * error)


def test_masks_are_those_of_the_density(noisy):
    change = noisy(32, 16, 1e-3)
    assert changed_masks(change)["w"].double().mean().item() == change_density(change)["w"]


def test_the_probe_is_bit_equality_below_two_to_the_minus_8():
    """Truth: one pair at a time in Python floats. 253 pairs, at the binade edges, differ by exactly 2^-8."""
    low, high = (side.tolist() for side in neighbours())
    assert len(low) == 254 * 128 - 1
    for eta in (1e-3, 2**-8, 5e-3, 1e-2):
        truth = sum(b - a <= eta * max(a, b) for a, b in zip(low, high, strict=True))
        assert probe_mismatches(eta) == truth
    assert [probe_mismatches(eta) for eta in (1e-3, 0.99 * 2**-8, 2**-8, 1e-2)] == [0, 0, 253, len(low)]
