"""Null of a stack of low-rank updates: their own singular values on directions that have nothing to do with each other.

    D_i' = U_i' diag(s_i) V_i'^T,   s_i the singular values of D_i;  U_i', V_i' uniform over all orthonormal frames

What leading directions hold of such a stack follows from how unequal the updates and their singular values are, and from how many
they are beside the width; only what is beyond it is shared.
Source: "A Shared Seed, Not a Universal Subspace", its strength-matched null (sheet peft_merge 4.3, 4.4).
"""

import torch
from torch import Tensor

from harness.errors import MeasureError


def strength_matched(values: Tensor, m: int, n: int, generator: torch.Generator) -> Tensor:
    """A stack with these singular values, (N, m, n) fp64.

    Args:
        values: (N, r).
        m, n: of the matrix, both r or more.
        generator: CPU generator.

    Raises:
        MeasureError: more singular values than the matrix has.
    """
    count, r = values.shape
    if r > min(m, n):
        raise MeasureError(f"a matrix of {m} x {n} has no {r} singular values.")
    left, right = (frames(count, side, r, generator) for side in (m, n))
    return (left * values.double()[:, None]) @ right.mT


def frames(count: int, size: int, r: int, generator: torch.Generator) -> Tensor:
    """Orthonormal columns, uniform over all frames, (count, size, r) fp64."""
    q, upper = torch.linalg.qr(torch.randn(count, size, r, generator=generator, dtype=torch.float64))
    signs = torch.where(upper.diagonal(dim1=1, dim2=2) < 0, -1.0, 1.0)
    return q * signs[:, None]
