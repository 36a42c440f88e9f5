"""Thin products with a matrix as it is stored: upcast in chunks, never whole, and never through TF32.

A bf16 matrix of 4096 x 11008 is 90 MB, its fp64 copy 360 MB; a chunk of it 1/43 of that, and in the processor's cache: 256 rows
cost a third of 1024.
Trap: a product with the transpose is summed as (x^T W)^T, rows of W in their own order: MKL takes 17 times as long for the same
numbers where the thin factor is stored by columns, as QR leaves it (fp64, 4096 x 4096 times 22 columns).
Trap: TF32 keeps 10 bits of a product's factors. Where a caller has allowed it for training, these products still refuse it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

ROWS = 256
ENTRIES = 2**17


def rows_of(matrix: Tensor) -> int:
    """How many rows make a chunk of some 131072 entries, which stays in the processor's cache through several steps."""
    return max(1, ENTRIES // max(1, matrix.shape[1] if matrix.ndim > 1 else 1))


def times(matrix: Tensor, x: Tensor) -> Tensor:
    """matrix @ x, (m, n) times (n, p), in the dtype of x.

    Args:
        matrix: any floating dtype; its own, or its transpose's, memory order is walked in chunks of 256.
        x: fp32 or fp64, same device.
    """
    if matrix.dtype == x.dtype:
        return matrix @ x
    if matrix.is_contiguous():
        x = x.contiguous()
        return torch.cat([part.to(x.dtype) @ x for part in matrix.split(ROWS)])
    out = torch.zeros(x.shape[1], matrix.shape[0], dtype=x.dtype, device=x.device)
    for part, rows in zip(matrix.T.split(ROWS), x.split(ROWS), strict=True):
        out.addmm_(rows.T, part.to(x.dtype))
    return out.T


@contextmanager
def full_fp32(device: torch.device) -> Iterator[None]:
    """fp32 products on this device are fp32 within; the caller's setting comes back after. CPU: nothing to do."""
    if device.type != "cuda":
        yield
        return
    backend = torch.backends.cuda.matmul
    # torch 2.9 renamed the switch, and reading the old name after the new one was set raises.
    name, exact = ("fp32_precision", "ieee") if hasattr(backend, "fp32_precision") else ("allow_tf32", False)
    before = getattr(backend, name)
    setattr(backend, name, exact)
    try:
        yield
    finally:
        setattr(backend, name, before)
