"""The leading left singular vectors of a gradient, without an SVD.

    A = G G^T on the projected side;   P = eigenvectors of its r largest eigenvalues, largest first

Only 5/4 r + 4 of them are computed (LAPACK's syevr on a range, after BLAS's syrk). Squaring halves the digits, so fp32 is not
believed far below sigma_1:

    sigma_r / sigma_1 > 5e-3            the first r, as they are
                      > 1.5e-3          r of all of them by Rayleigh-Ritz: P <- P S,  S eigenvectors of (G^T P)^T (G^T P)
                      below             all again in fp64

Up to 128 on the projected side it is fp64 at once, and on a GPU always, by eigh (not measured).
Overlap with the subspace of an fp64 SVD, 1024 x 1024, r = 128 and 256, three seeds: 1.000000 for Gaussian, i^-.5 and spiked
singular values; at least .99988 for 1/i, i^-1.3 and the gradient of an MLP.
CPU-s on one thread against galore-torch's refresh: 1024 x 1024 .065 to .31 at r = 128, .095 at 256, by Rayleigh-Ritz .11, in
fp64 .25; 1024 x 4096 .11 - .12 and .13 - .19 to 1.6; 2048 x 2048 .46 to 2 - 2.8 at r = 256; 256 x 256 .003 to .006 at r = 32.
Trap: without the two guards fp32 reaches .996 on 1/i and .4 on i^-2. torch.linalg.eigh (syevd) is no better; randomized
iterations at r = a/4 cost as much for .99, and torch.svd_lowrank is further off. LAPACK's own SVD in fp32: .995 on i^-2.
Trap: vectors are known up to sign; `projectors.aligned` chooses it.
"""

from typing import NamedTuple

import torch
from torch import Tensor

DOUBLE_LIMIT = 128
RITZ, DOUBLE = 5e-3**2, 1.5e-3**2  # of the largest eigenvalue: above the first fp32 is believed, below the second not at all
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
        return _partial(_normal(gradient.double()), rank).vectors.flip(1).to(gradient.dtype)
    normal = _normal(gradient)
    found = _partial(normal, min(a, rank + rank // 4 + 4))
    share = (found.values[-rank] / found.values[-1]).item() if found.values[-1] > 0.0 else 1.0
    if share > RITZ:
        vectors = found.vectors[:, -rank:]
    elif share > DOUBLE:
        image = normal.T @ found.vectors  # nearly orthogonal columns, so products of two keep their digits in fp32
        vectors = found.vectors @ torch.linalg.eigh((image.T @ image).double()).eigenvectors[:, -rank:].float()
    else:
        vectors = _partial(normal.double(), rank).vectors.float()
    return vectors.flip(1)


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


class _Pairs(NamedTuple):
    values: Tensor
    vectors: Tensor


def _partial(gradient: Tensor, count: int) -> _Pairs:
    """The `count` largest eigenvalues of G G^T, smallest first, and their vectors (a, count)."""
    from scipy.linalg import blas, eigh

    a = gradient.shape[0]
    double = gradient.dtype == torch.float64
    syrk = blas.dsyrk if double else blas.ssyrk
    # BLAS counts by columns: a transposed view is to it an ordinary matrix, and the reverse. Neither is copied.
    if gradient.is_contiguous():
        gram = syrk(1.0, gradient.numpy().T, trans=1)
    else:
        gram = syrk(1.0, gradient.T.contiguous().numpy().T, trans=0)
    values, vectors = eigh(
        gram, lower=False, subset_by_index=[a - count, a - 1], driver="evr", overwrite_a=True, check_finite=False
    )
    return _Pairs(torch.from_numpy(values), torch.from_numpy(vectors))
