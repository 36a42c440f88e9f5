"""All singular values of a large matrix as it is stored, from its Gram matrix in fp64 or fp32.

    G = W^T W on the smaller side, summed over chunks of rows;   sigma_i = sqrt(lambda_i(G))

    4096 x 4096, CPU-s: fp64 5.1, fp32 2.5, svdvals in fp32 11; memory: the matrix as stored and G

Trap: fp32 is good for the leading values (1e-5 relative) and blind to the tail: below 1e-3 sigma_1 of a square Gaussian matrix
its errors are as large as what a small update moves. The error of a *shift* is smaller than that of the values, since both
sides are rounded alike: measured .6 to 12.9 % of the shift for noise of relative size 8e-4 at 4096 x 4096, on six draws. Measure it on a sample
before it is relied on (harness.engine.matrix_rows does).
"""

import torch
from torch import Tensor

from harness.spectra.products import full_fp32

ROWS = 1024  # each chunk reads and writes G once


def gram_values(matrix: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """Singular values, largest first.

    Args:
        matrix: (m, n), any floating dtype, finite; upcast in chunks.
        dtype: fp64 or fp32, of the Gram matrix and of its diagonalisation.

    Returns:
        (min(m, n),) fp64. Values below 1e-8 sigma_1 (fp32: 3e-4) are rounding.
    """
    return values_of_gram(gram(matrix, dtype))


def values_of_gram(square: Tensor) -> Tensor:
    """Singular values of the matrix whose Gram matrix (q, q) this is, (q,) fp64 largest first; its lower triangle is read."""
    return torch.linalg.eigvalsh(square, UPLO="L").double().flip(0).clamp(min=0.0).sqrt()


def symmetric_gram(matrix: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """As `gram`, with both triangles."""
    square = gram(matrix, dtype).tril_()
    for start in range(0, len(square), ROWS):
        stop = min(start + ROWS, len(square))
        square[start:stop, start:stop] += square[start:stop, start:stop].tril(-1).T
        square[start:stop, stop:] = square[stop:, start:stop].T
    return square


def gram(matrix: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """W^T W, or W W^T where that is smaller: (q, q), of which the lower triangle counts.

    Args:
        matrix: (m, n), any floating dtype.
        dtype: fp64 or fp32; products of fp32 do not go through TF32.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    if tall.device.type == "cpu":
        return _by_rank_updates(tall, dtype)
    out = torch.zeros(tall.shape[1], tall.shape[1], dtype=dtype, device=tall.device)
    with full_fp32(tall.device):
        for part in tall.split(ROWS):
            wide = part.to(dtype)
            out.addmm_(wide.T, wide)
    return out


def _by_rank_updates(tall: Tensor, dtype: torch.dtype) -> Tensor:
    """BLAS's syrk does half the work of a product; torch has none."""
    from scipy.linalg import blas

    update = blas.dsyrk if dtype == torch.float64 else blas.ssyrk
    out = None
    for part in tall.split(ROWS):
        rows = part.contiguous().to(dtype).numpy()  # the narrow copy first: a slice of a transpose is copied once
        # BLAS counts by columns: to it the rows are the transpose, and the upper triangle of G is what torch calls the lower.
        given = {} if out is None else {"beta": 1.0, "c": out, "overwrite_c": 1}
        out = update(1.0, rows.T, trans=0, lower=0, **given)
    return torch.from_numpy(out.T)
