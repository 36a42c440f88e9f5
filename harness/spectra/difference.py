"""What lies between two matrices as they are stored, in fp32, without holding either of them twice.

Trap: subtracting in bf16 rounds what is to be measured. 16-bit and fp32 weights are upcast to fp32 first: the difference is then
the exact one, rounded once (2^-24 of each entry).
"""

from math import sqrt

import torch
from torch import Tensor

from harness.spectra.products import rows_of


def difference(w0: Tensor, w1: Tensor) -> Tensor:
    """W1 - W0, (m, n) fp32.

    Args:
        w0, w1: (m, n) on one device, any floating dtype.
    """
    out = torch.empty(w0.shape, dtype=torch.float32, device=w0.device)
    wide = torch.float64 if torch.float64 in (w0.dtype, w1.dtype) else torch.float32
    for into, after, before in zip(out.split(rows_of(out)), w1.split(rows_of(out)), w0.split(rows_of(out)), strict=True):
        into.copy_(after.to(wide) - before.to(wide))
    return out


def norm(matrix: Tensor) -> float:
    """|W|_F, summed in fp64, of a tensor of any floating dtype."""
    # Floats, not a list of tensors: small blocks kept between chunks leave holes that no later chunk fits in.
    squares = sum(
        torch.linalg.vector_norm(part.float() if part.dtype.itemsize < 4 else part, dtype=torch.float64).item() ** 2
        for part in matrix.split(rows_of(matrix))
    )
    return sqrt(squares)
