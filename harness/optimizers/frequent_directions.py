"""Frequent Directions: l rows that stand for all the rows of a stream.

    B <- sqrt(max(S^2 - s_{l+1}^2, 0)) V^T    with [B; rows] = U S V^T
    0 <= A^T A - B^T B,   |A^T A - B^T B|_2 <= |A - A_k|_F^2 / (l - k)  for every k < l;  k = 0: |A|_F^2 / l

A (n, a) is what was taken in, B (l, a) the sketch. What a gradient G (a, b) adds to the sketch of its task are rows whose Gram
matrix is that of G or of a part of it: no more than a of them, however many columns G has.

Source: Ghashami et al. 1501.01711; CoSO 2505.11816 takes in the part of rank r2.
Trap: a sketch of l rows forgets the l-th direction by design: what is read off it has at most l - 1 where more were seen.
"""

import torch
from torch import Tensor

from harness.optimizers.leading_basis import spectrum


def absorb(sketch: Tensor, rows: Tensor) -> None:
    """Take in rows (n, a), in place.

    Args:
        sketch: B (l, a), zeros before the first.
    """
    _, values, right = torch.linalg.svd(torch.cat([sketch, rows]), full_matrices=False)
    squares, keep = values.square(), len(sketch)
    cut = squares[keep] if len(squares) > keep else torch.zeros_like(squares[0])
    shrunk = (squares - cut).clamp(min=0.0).sqrt()[:keep, None] * right[:keep]
    sketch.zero_()
    sketch[: len(shrunk)] = shrunk


def rows_inside(basis: Tensor, projected: Tensor) -> Tensor:
    """(min(r, b), a): rows with the Gram matrix of P R.

    Args:
        basis: P (a, r), orthonormal.
        projected: R (r, b).
    """
    inner, values, _ = torch.linalg.svd(projected, full_matrices=False)
    return (basis @ (inner * values)).T


def leading_rows(gradient: Tensor, rank: int) -> Tensor:
    """(rank, a): rows with the Gram matrix of the best approximation of G (a, b) of this rank."""
    found = spectrum(gradient)
    return (found.U[:, :rank] * found.S[:rank]).T.to(gradient.dtype)
