"""Updates that are products of thin factors, read in their base's frame without being multiplied out.

    D = L R,   L (m, r), R (r, n);      base U S V^T;      P = U^T L (q, r),  Q = R V (r, q);      C = U^T D V = P Q
    energy      |D|^2 = tr (L^T L)(R R^T)
    block       |U_k^T D V_k|^2 = tr (P_k^T P_k)(Q_k Q_k^T),     P_k the first k rows, Q_k the first k columns
    left, right |U_k^T D|^2 = tr (P_k^T P_k)(R R^T),   |D V_k|^2 = tr (L^T L)(Q_k Q_k^T)
    drift       first-order shift of the singular values, diag C = sum_j P_ij Q_ji

N adapters of one base cost one decomposition and two products of m q N r and n q N r, where each merged matrix would cost a
decomposition of its own. Factors are batched: (N, m, r) and (N, r, n).
Trap: singular values of D are those of the r x r middle of two QRs, not norms of columns: the gauge (L G, G^-1 R) is free.
Trap: the drift is of first order; see `second_order` for what that misses in updates that are not small beside the gaps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.frame import Frame, leading


class LowRankUpdates(NamedTuple):
    """N updates of one matrix: left (N, m, r), right (N, r, n); fp64."""

    left: Tensor
    right: Tensor

    @classmethod
    def of(cls, left: Tensor, right: Tensor) -> LowRankUpdates:
        """Factors of any floating dtype, in fp64.

        Raises:
            MeasureError: they do not multiply, or an entry is not finite.
        """
        batched = left.ndim == right.ndim == 3
        if not batched or left.shape[0] != right.shape[0] or left.shape[2] != right.shape[1]:
            shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
            raise MeasureError(f"factors (N, m, r) and (N, r, n) of N updates are needed, not {shapes}.")
        if not (left.isfinite().all() and right.isfinite().all()):
            raise MeasureError("factors of updates hold entries that are not finite.")
        return cls(left.detach().double(), right.detach().double())

    def dense(self) -> Tensor:
        """The updates multiplied out, (N, m, n)."""
        return self.left @ self.right

    def values(self) -> Tensor:
        """Their singular values, (N, min(r, m, n)), largest first: those of R_L R_R^T, triangles of two QRs."""
        left, right = (torch.linalg.qr(side, mode="r").R for side in (self.left, self.right.mT))
        return torch.linalg.svdvals(left @ right.mT)


class LowRankReading(NamedTuple):
    """What N updates are in a frame, fp64.

    Attributes:
        energy: |D|^2, (N,).
        block, left, right: shares of it between the k leading directions of both sides, and of either, (N,).
        drift: first-order shift of every singular value, (N, q).
    """

    energy: Tensor
    block: Tensor
    left: Tensor
    right: Tensor
    drift: Tensor


def read_low_rank(frame: Frame, updates: LowRankUpdates, k: int | None = None, fraction: float = 1 / 8) -> LowRankReading:
    """Read updates in a frame.

    Args:
        frame: full frame of the base (m, n).
        updates: of that base.
        k: leading directions; if None, `fraction` of their number.

    Raises:
        MeasureError: the updates are of another shape, one of them is zero, or k is out of range.
    """
    (count, m, r), n = updates.left.shape, updates.right.shape[2]
    if (m, n) != (len(frame.U), len(frame.V)):
        raise MeasureError(f"updates of {m} x {n} cannot be read in the frame of a matrix of {len(frame.U)} x {len(frame.V)}.")
    k = leading(len(frame.S), k, fraction)
    # all columns of all factors in one product each
    p = (frame.U.T @ updates.left.transpose(0, 1).reshape(m, count * r)).view(-1, count, r)
    q = (updates.right.reshape(count * r, n) @ frame.V).view(count, r, -1)
    whole_left, whole_right = updates.left.mT @ updates.left, updates.right @ updates.right.mT
    p_k, q_k = torch.einsum("inr,ins->nrs", p[:k], p[:k]), q[:, :, :k] @ q[:, :, :k].mT
    energy = _trace(whole_left, whole_right)
    if not (energy > 0.0).all():
        raise MeasureError("an update is zero: it has no shares to be read.")
    shares = (_trace(a, b) / energy for a, b in ((p_k, q_k), (p_k, whole_right), (whole_left, q_k)))
    return LowRankReading(energy, *shares, torch.einsum("inr,nri->ni", p, q))


def _trace(a: Tensor, b: Tensor) -> Tensor:
    """tr A_i B_i of symmetric r x r matrices, (N,)."""
    return (a * b).sum((1, 2))
