"""The frame of a base matrix, and an update read in it.

    W0 = U S V^T,   C = U^T D V

The diagonal of C moves the singular values (to first order), the off-diagonal turns the frames, and its blocks are the
energy map. U (m, q) and V (n, q), q = min(m, n), are orthonormal; on a matrix that is not square a part of D lies outside
both, and |C|_F < |D|_F.
Accuracy: fp64 SVD up to 1024 on the smaller side (singular values to a few eps sigma_1). Beyond that the Gram matrix is
diagonalised, the other side is W v / sigma made orthonormal by QR: half the cost at 1024 and less beyond, columns whose
sigma lies below 1e-7 sigma_1 are then an arbitrary basis of what is left.
Trap: single columns have a sign, and near-equal singular values mix; read blocks, not vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.content_cache import SHARED

DIRECT_LIMIT = 1024


class Reading(NamedTuple):
    """An update in a frame: C (q, q) fp64, and |D|_F^2 of the whole update."""

    C: Tensor
    energy: float

    def block_energy(self, k: int) -> float:
        """|C[:k, :k]|_F^2, the energy between the k leading left and right directions."""
        return self.C[:k, :k].square().sum().item()


class Frame(NamedTuple):
    """U (m, q), S (q,) largest first, V (n, q), all fp64."""

    U: Tensor
    S: Tensor
    V: Tensor

    @classmethod
    def of(cls, matrix: Tensor) -> Frame:
        """The frame of a matrix (m, n) of any floating dtype, remembered by content."""
        return SHARED.get(matrix, "frame", lambda: decompose(matrix), size=lambda frame: sum(t.nbytes for t in frame))

    def read(self, update: Tensor) -> Reading:
        """C = U^T D V of an update (m, n)."""
        wide = update.double()
        return Reading(self.U.T @ wide @ self.V, wide.square().sum().item())

    def block(self, update: Tensor, k: int) -> Tensor:
        """C[:k, :k] alone, (k, k): m n k instead of m n q operations."""
        return self.U[:, :k].T @ update.double() @ self.V[:, :k]

    def low_rank(self, k: int) -> Tensor:
        """The best rank-k approximation of W0, (m, n)."""
        return (self.U[:, :k] * self.S[:k]) @ self.V[:, :k].T

    def gap(self, k: int) -> float:
        """sigma_k / sigma_(k+1): without a gap the k-block is no subspace. inf at k = q or if sigma_(k+1) = 0."""
        if k >= len(self.S) or self.S[k] == 0.0:
            return float("inf")
        return (self.S[k - 1] / self.S[k]).item()


def decompose(matrix: Tensor, direct_limit: int = DIRECT_LIMIT) -> Frame:
    """The frame of a matrix, computed anew.

    Args:
        matrix: (m, n), finite.
        direct_limit: use LAPACK's SVD up to this smaller side, the Gram matrix beyond.
    """
    wide = matrix.double()
    if min(wide.shape) <= direct_limit:
        u, s, vh = torch.linalg.svd(wide, full_matrices=False)
        return Frame(u, s, vh.T.contiguous())
    if wide.shape[0] < wide.shape[1]:
        flipped = _from_gram(wide.T)
        return Frame(flipped.V, flipped.S, flipped.U)
    return _from_gram(wide)


def _from_gram(tall: Tensor) -> Frame:
    squares, v = torch.linalg.eigh(tall.T @ tall)
    v = v.flip(1)
    s = squares.flip(0).clamp(min=0.0).sqrt()
    u, r = torch.linalg.qr(tall @ v)
    # QR may flip a column; R is diagonal up to rounding, its sign gives the column back.
    signs = torch.where(r.diagonal() < 0, -1.0, 1.0)
    return Frame(u * signs, s, v)


def leading(q: int, k: int | None, fraction: float) -> int:
    """How many leading directions: k if given, else the fraction of q, at least 1.

    Raises:
        MeasureError: k outside 1..q, or fraction outside (0, 1].
    """
    if k is None:
        if not 0.0 < fraction <= 1.0:
            raise MeasureError(f"fraction {fraction} of the spectrum: it must lie above 0 and at most at 1.")
        return max(1, round(fraction * q))
    if not 1 <= k <= q:
        raise MeasureError(f"k = {k} leading directions of a matrix that has {q}: choose k between 1 and {q}.")
    return k
