import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import storage_dtype, ulp


@pytest.mark.parametrize("dtype, bits", [("bf16", torch.int16), ("fp16", torch.int16), ("fp32", torch.int32)])
def test_ulp_is_the_distance_to_the_next_number(dtype, bits, generator):
    """Truth: the next bit pattern is the next number, at every exponent of the format."""
    target = storage_dtype(dtype)
    info = torch.finfo(target)
    top = torch.tensor(info.max, dtype=target).view(bits).item()
    patterns = torch.randint(0, top, (20_000,), generator=generator)
    patterns[:3] = torch.tensor([0, 1, top - 1])
    numbers = patterns.to(bits).view(target)
    following = (patterns + 1).to(bits).view(target)
    gap = following.double() - numbers.double()
    assert torch.equal(ulp(numbers, dtype), gap)
    assert torch.equal(ulp(-numbers, dtype), gap)


def test_relative_ulp_of_bf16_lies_between_2_to_the_minus_8_and_minus_7(generator):
    """Limit: Lemma E.2 of arXiv 2511.08567, both ends met."""
    x = torch.rand(100_000, generator=generator).clamp(min=1e-3).bfloat16().double()
    relative = ulp(x) / x
    assert 2**-8 < relative.min() < 2**-8 * 1.02
    assert 2**-7 * 0.98 < relative.max() <= 2**-7


def test_unknown_format_is_refused():
    with pytest.raises(MeasureError, match="unknown storage format 'int8': use one of bf16"):
        storage_dtype("int8")
