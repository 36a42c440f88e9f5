"""The eigenvectors of a symmetric matrix that belong to its largest eigenvalues, by its tridiagonal form.

    A = Q T Q^T                                   LAPACK's sytrd, in the dtype of A; all eigenvalues of T by sterf, in fp64
    T - l I = L+ D+ L+^T = U- D- U-^T             factored from either end, for all l at once
    k = argmin |D+_i + D-_i - (T_ii - l)|         where the two meet is where the vector is large
    z_k = 1,  z_(i-1) = -T_(i-1,i) z_i / D+_(i-1) upwards of k,  z_(i+1) = -T_(i,i+1) z_i / D-_(i+1) downwards

Source: twisted factorizations, Parlett & Dhillon 1997 (Linear Algebra Appl. 267), without the tree of representations that MRRR
adds. In fp64 on a matrix known to fp32 it is not needed: the vectors of two eigenvalues are orthogonal to 1e-14 |T| / gap.
Where an eigenvalue is nearer than that, neighbours are made orthogonal; where that is not enough there is no answer (None).
CPU-s on one thread at 1024 x 1024, 256 vectors: sytrd .022, sterf .010, vectors .006, Q .010. LAPACK's syevr on a range takes
sytrd + .030 (bisection and inverse iteration, orthogonalised one by one) + Q; at 2048, 512: .068 against .14 of .6.
Trap: sytrd given the least workspace is unblocked and takes twice as long; so scipy.linalg.lapack.ssytrd unless told.
Trap: where a leading minor of T - l I is exactly 0 the factors are infinite and what is found is not finite: None as well.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

BLOCK = 512  # eigenvalues at a time: two factors of them, fp64, are what is held
NEAR, FAR = 1e-3, 5e-6  # of neighbours the first can be put right, beside the next neighbours nothing is


class Tridiagonal(NamedTuple):
    """A = Q T Q^T as sytrd leaves it, from the last row upwards, and all eigenvalues in fp64, smallest first.

    Attributes:
        diagonal: (a,) fp64.
        beside: (a - 1,) fp64.
        reflectors: (a - 1, a - 1), turned around so that they come in the order of a QR factorization.
        factors: (a - 1,), of the reflectors.
        values: (a,).
    """

    diagonal: np.ndarray
    beside: np.ndarray
    reflectors: Tensor
    factors: Tensor
    values: np.ndarray

    def vectors(self, count: int) -> Tensor | None:
        """Of the `count` largest eigenvalues, largest first: (a, count), in the dtype of A; None: eigenvalues are too close."""
        chosen = self.values[-count:][::-1]
        blocks = [twisted(self.diagonal, self.beside, chosen[i : i + BLOCK]) for i in range(0, count, BLOCK)]
        z = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
        if not _separate(z):
            return None
        z = torch.from_numpy(z[::-1].copy()).to(self.reflectors.dtype)
        z[1:] = torch.ormqr(self.reflectors, self.factors, z[1:])
        return z.flip(0)


def tridiagonal(gram: np.ndarray) -> Tridiagonal:
    """Reduce a symmetric matrix.

    Args:
        gram: (a, a), a > 1, column-major, fp32 or fp64, its upper triangle; overwritten.
    """
    from scipy.linalg import eigvalsh_tridiagonal, lapack

    kind = "s" if gram.dtype == np.float32 else "d"
    size, _ = getattr(lapack, f"{kind}sytrd_lwork")(len(gram), lower=0)
    # The upper form: a tenth faster than the lower one here.
    form, diagonal, beside, factors, _ = getattr(lapack, f"{kind}sytrd")(gram, lower=0, lwork=int(size), overwrite_a=True)
    diagonal, beside = diagonal.astype(np.float64), beside.astype(np.float64)
    values = eigvalsh_tridiagonal(diagonal, beside, lapack_driver="sterf", check_finite=False)
    turned = np.ascontiguousarray(form.T[::-1, ::-1][:-1, 1:])
    return Tridiagonal(diagonal, beside, torch.from_numpy(turned).T, torch.from_numpy(factors[::-1].copy()), values)


def twisted(diagonal: np.ndarray, beside: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Unit eigenvectors (a, r) of a tridiagonal matrix, fp64; not finite where it went wrong.

    Args:
        diagonal: (a,).
        beside: (a - 1,).
        values: (r,), its eigenvalues to full precision.
    """
    a = len(diagonal)
    pivots = np.empty((a, 2, len(values)))  # [:, 0] from the top, [:, 1] from the bottom, in which order its rows are
    for end, entries in enumerate((diagonal, diagonal[::-1])):
        np.subtract(entries[:, None], values, out=pivots[:, end])
    ends = np.zeros((a, 2, 1))
    ends[:-1, 0, 0], ends[:-1, 1, 0] = beside, beside[::-1]
    meeting = pivots[:, 0].copy()
    with np.errstate(all="ignore"):
        before, taken = pivots[0], np.empty(pivots.shape[1:])
        for row, square in zip(pivots[1:], ends**2, strict=False):
            np.subtract(row, np.divide(square, before, out=taken), out=row)
            before = row
        meeting -= pivots[:, 0]
        meeting -= pivots[::-1, 1]
        k = torch.from_numpy(np.abs(meeting, out=meeting)).argmin(0).numpy()  # numpy's takes as long as both recursions
        ratios, rows = np.divide(-ends, pivots, out=pivots), np.arange(a)[:, None]
        np.copyto(ratios[:, 0], 1.0, where=rows >= k)
        np.copyto(ratios[:, 1], 1.0, where=rows >= a - 1 - k)
        after = ratios[-1]
        for row in ratios[-2::-1]:
            after = np.multiply(row, after, out=row)
        z = np.multiply(ratios[:, 0], ratios[::-1, 1])
        return z / np.sqrt(np.einsum("ij,ij->j", z, z))


def _separate(z: np.ndarray) -> bool:
    """Make neighbouring columns orthogonal, in place; whether all columns now are."""
    near = np.einsum("ij,ij->j", z[:, 1:], z[:, :-1])
    far = np.einsum("ij,ij->j", z[:, 2:], z[:, :-2])
    if not (np.abs(near).max(initial=0.0) < NEAR and np.abs(far).max(initial=0.0) < FAR and np.isfinite(z).all()):
        return False
    z[:, 1:] -= near * z[:, :-1]
    return True
