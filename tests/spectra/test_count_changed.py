"""`count_changed` is the number of entries that `changed` marks, whatever the bits."""

import pytest
import torch
from harness.spectra.bf16_change import CHUNK, changed, count_changed


def every_number():
    """All 65536 bit patterns of bf16: zeros, infinities and NaNs of both signs included."""
    return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)


@pytest.mark.parametrize("by", [0, 1, 2**15])
def test_every_bit_pattern_against_another(by):
    one = every_number()
    other = one.roll(by)
    assert count_changed(one, other) == int(changed(one, other).sum())


def test_only_zeros_equal_themselves_with_the_other_sign():
    assert count_changed(every_number(), every_number().roll(2**15)) == 65536 - 2


SPECIAL = {"zero": 0x0000, "minus-zero": -0x8000, "inf": 0x7F80, "minus-inf": -0x0080, "nan": 0x7FC0, "minus-nan": -0x0040}


@pytest.mark.parametrize("bits", SPECIAL.values(), ids=SPECIAL)
def test_a_special_number_deep_in_a_chunk(bits):
    one = torch.randn(3, CHUNK, generator=torch.Generator().manual_seed(0)).bfloat16()
    other = (one.float() * 1.004).bfloat16()
    one.view(torch.int16)[1, 77] = bits
    for meets in (*SPECIAL.values(), 0x3F80):
        other.view(torch.int16)[1, 77] = meets
        assert count_changed(one, other) == int(changed(one, other).sum())


def test_sizes_that_are_no_multiple_of_a_chunk_and_turned_matrices():
    one = torch.randn(1031, 517, generator=torch.Generator().manual_seed(0)).bfloat16()
    other = one.clone()
    other[5, :100] *= 2
    assert count_changed(one, other) == count_changed(one.T, other.T) == 100
    assert count_changed(one, one) == 0


def test_both_sides_are_cast_first():
    one = torch.tensor([1.0, 1.0, 1.0])
    other = torch.tensor([1.0, 1.001, 1.01])
    assert count_changed(one, other) == count_changed(one.bfloat16(), other) == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError):
        count_changed(torch.zeros(CHUNK), torch.zeros(2 * CHUNK))
