"""The leading left singular vectors of a gradient, without an SVD.

    A = G G^T on the projected side;   P = eigenvectors of its r largest eigenvalues, largest first

by BLAS's syrk and `tridiagonal.py`. Squaring halves the digits, so fp32 is not believed where sigma_r < 1.5e-3 sigma_1: then
all again in fp64. Up to 128 on the projected side it is LAPACK's syevr on a range, in fp64 at once, and on a GPU always eigh in
fp64 (not measured).
Overlap with the subspace of an fp64 SVD, 1024 x 1024, r = 128 and 256: 1.000000 for Gaussian, 1/i, i^-.5; at least .99997 for
i^-1.1 to i^-1.5, the lowest just above the guard; 2048 x 2048, 1/i, r = 512: .99998.
CPU-s on one thread against galore-torch's refresh: docs/benchmarks_optimizers.md; 1024 x 1024 .055 to .33 at r = 128, .060 at
256, in fp64 .12; 1024 x 4096 .11 to 1.9; 2048 x 2048 .35 to 2.3 - 2.9 at r = 256, .42 at 512; 256 x 256 .0034 to .0075.
Trap: without the guard fp32 reaches .99 on i^-1.5 and .6 on i^-2. LAPACK's syevr on a range is further off (.98, .4) and takes
1.6 times as long at r = a/4; torch.linalg.eigh (syevd) is no better. Randomized iterations at r = a/4 cost as much for .99, and
torch.svd_lowrank is further off. LAPACK's own SVD in fp32: .995 on i^-2.
Trap: vectors are known up to sign; `projectors.aligned` chooses it.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.optimizers.tridiagonal import Tridiagonal, tridiagonal

DOUBLE_LIMIT = 128
DOUBLE = 1.5e-3**2  # of the largest eigenvalue: below it fp32 is not believed
SMALL, LARGE = 1e-12, 1e15  # between these the squares of fp32 stay normal numbers


class Spectrum(NamedTuple):
    """All left singular vectors U (a, a), largest first, and S (a,), fp64."""

    U: Tensor
    S: Tensor


def leading_basis(gradient: Tensor, rank: int) -> Tensor:
    """P (a, rank), orthonormal, in the dtype of the gradient.

    Args:
        gradient: (a, b), fp32 or fp64, finite; any strides.
        rank: from 1 to a.
    """
    a = gradient.shape[0]
    if gradient.device.type != "cpu":
        wide = _normal(gradient.double())
        return torch.linalg.eigh(wide @ wide.T).eigenvectors[:, a - rank :].flip(1).to(gradient.dtype)
    if a <= DOUBLE_LIMIT or gradient.dtype == torch.float64:
        return _partial(_gram(_normal(gradient.double())), rank).flip(1).to(gradient.dtype)
    normal = _normal(gradient)
    form = tridiagonal(_gram(normal))
    largest = form.values[-1]
    if largest > 0.0 and form.values[-rank] < DOUBLE * largest:
        wide = normal.double()
        return _leading(tridiagonal(_gram(wide)), wide, rank).float()
    return _leading(form, normal, rank)


def exact_basis(gradient: Tensor, rank: int) -> Tensor:
    """The same by LAPACK's full SVD, with its signs: right singular vectors where the gradient is a transposed view.

    b may be smaller than the rank; the basis is then completed.
    """
    flipped = not gradient.is_contiguous()
    stored = gradient.T if flipped else gradient
    u, _, vh = torch.linalg.svd(stored, full_matrices=rank > min(gradient.shape))
    return (vh.T if flipped else u)[:, :rank].contiguous()


def spectrum(gradient: Tensor) -> Spectrum:
    """All of them with their singular values, in fp64: a draw by singular value needs the tail."""
    wide = gradient.double()
    values, vectors = torch.linalg.eigh(wide @ wide.T)
    return Spectrum(vectors.flip(1), values.flip(0).clamp(min=0.0).sqrt())


def _normal(gradient: Tensor) -> Tensor:
    """The gradient, scaled to a largest entry of 1 where its squares would leave the range of fp32."""
    peak = torch.linalg.vector_norm(gradient, ord=torch.inf).item()
    return gradient if SMALL < peak < LARGE or peak == 0.0 else gradient / peak


def _gram(gradient: Tensor) -> np.ndarray:
    """G G^T, its upper triangle, column-major."""
    from scipy.linalg import blas

    syrk = blas.dsyrk if gradient.dtype == torch.float64 else blas.ssyrk
    # BLAS counts by columns: a transposed view is to it an ordinary matrix, and the reverse. Neither is copied.
    if gradient.is_contiguous():
        return syrk(1.0, gradient.numpy().T, trans=1)
    return syrk(1.0, gradient.T.contiguous().numpy().T, trans=0)


def _partial(gram: np.ndarray, count: int) -> Tensor:
    """Eigenvectors (a, count) of the largest eigenvalues, smallest first, by bisection and inverse iteration."""
    from scipy.linalg import eigh

    a = len(gram)
    _, vectors = eigh(
        gram, lower=False, subset_by_index=[a - count, a - 1], driver="evr", overwrite_a=True, check_finite=False
    )
    return torch.from_numpy(vectors)


def _leading(form: Tridiagonal, gradient: Tensor, count: int) -> Tensor:
    """The same (a, count), largest first, by twisted factorizations unless eigenvalues are too close for them."""
    found = form.vectors(count)
    return _partial(_gram(gradient), count).flip(1) if found is None else found
