"""Storage formats: their names and the spacing of their numbers.

    ulp(x) = 2^(floor(log2 |x|) - p),  p = 7 mantissa bits in bf16, 10 in fp16, 23 in fp32

so that in bf16 ulp(x) / |x| lies in (2^-8, 2^-7]: an update moves a stored weight for certain above half an ulp.
Source: IEEE 754; arXiv 2511.08567, Lemma E.2.
"""

from math import sqrt

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.products import rows_of

_FORMATS = {
    "bf16": torch.bfloat16,
    "bfloat16": torch.bfloat16,
    "fp16": torch.float16,
    "float16": torch.float16,
    "fp32": torch.float32,
    "float32": torch.float32,
}


def storage_dtype(name: str | torch.dtype) -> torch.dtype:
    """The torch dtype called `name`: bf16, fp16, fp32 or their long names.

    Raises:
        MeasureError: no such storage format.
    """
    if name in _FORMATS.values():
        return name
    if name not in _FORMATS:
        raise MeasureError(f"unknown storage format {name!r}: use one of bf16, fp16, fp32.")
    return _FORMATS[name]


def ulp(values: Tensor, dtype: str | torch.dtype = "bf16") -> Tensor:
    """Distance from |x| to the next number of the format away from zero.

    Args:
        values: any shape, finite.
        dtype: storage format; `values` are rounded to it first.

    Returns:
        Same shape, fp64; the smallest subnormal at 0 and among the subnormals.
    """
    target = storage_dtype(dtype)
    info = torch.finfo(target)
    stored = values.to(target).double().abs()
    # |x| = mantissa * 2^exponent with mantissa in [0.5, 1): the quotient is that power of two, without rounding.
    power = (stored / torch.frexp(stored).mantissa).nan_to_num(nan=0.0)
    return (power * (info.eps / 2)).clamp(min=info.tiny * info.eps)


def rounding_norm(values: Tensor, dtype: str | torch.dtype = "bf16") -> float:
    """|E|_F of what storing a matrix (m, n) in a format loses: sqrt(sum of ulp^2 / 12), rounding being uniform within half a step."""
    return sqrt(sum(ulp(part, dtype).square().sum().item() for part in values.split(rows_of(values))) / 12)
