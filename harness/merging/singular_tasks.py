"""Rules that merge singular vectors of the task vectors. q = min(m, n).

    TSV-M    tau_i = U_i S_i V_i^T, the k = floor(q / K) leading triplets of each
             W0 + lam polar([U_1 ... U_K]) diag(S_1 ... S_K) polar([V_1 ... V_K])^T
    Iso-C    sum tau_i = U S V^T;   W0 + lam mean(S) U V^T
    Iso-CTS  the leading c triplets of sum tau_i, and of each (I - U_c U_c^T) tau_i the leading (q - c) / K
             W0 + lam mean(all their S) polar([U ...]) polar([V ...])^T,   c = q - K round((q - floor(common q)) / K)

What is no matrix is averaged.

Source: arXiv 2412.00081 (TSV), 2502.04959 (Iso). lam is the papers' alpha, chosen on validation data.
Trap: triplets below rounding are left out, and polar is the partial isometry of its argument's rank. With LoRA updates, an
expert equal to the base, or equal experts, the papers' code fills in vectors that LAPACK chose, at full weight in Iso-C.
mean(S) is over all q (as there), so a sum of rank r comes out r / q as long.
Trap: of nearly equal experts TSV-M brings out what differs: polar makes vectors orthogonal that were 1e-4 apart, at full
length.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from harness.merging.algebra import leading, polar, truncated
from harness.merging.rule import NOTHING, Given
from harness.spectra.frame import Frame


def tsv_m(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, lam: float = 1.0) -> Tensor:
    """W0 plus the tasks' leading triplets, made orthogonal to one another."""
    return tsv_delta((expert - w0 for expert in experts), len(experts)).mul_(lam).add_(w0)


def tsv_delta(deltas: Iterable[Tensor], count: int) -> Tensor:
    """The merged task vector (m, n) of `count` ones, each looked at once."""
    parts = [truncated(delta, min(delta.shape) // count) for delta in deltas]
    return _product(parts, torch.cat([part.S for part in parts]))


def iso_c(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, lam: float = 1.0) -> Tensor:
    """W0 plus the sum of the task vectors with a flat spectrum."""
    found = truncated(_sum(w0, experts))
    flat = found.S.sum() / min(w0.shape)
    return w0 + lam * flat * (found.U @ found.V.T)


def iso_cts(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, lam: float = 1.0, common: float = 0.8) -> Tensor:
    """The same with the last directions of the sum replaced by those of single tasks.

    Args:
        common: share of the directions that are the sum's, before rounding to what K tasks divide.
    """
    q, count = min(w0.shape), len(experts)
    each = min(round((q - int(common * q)) / count), q // count)
    shared = truncated(_sum(w0, experts), q - each * count)
    parts = [shared]
    for expert in experts:
        tau = expert - w0
        own = truncated(tau - shared.U @ (shared.U.T @ tau), each)
        # What the common directions hold wholly leaves rounding behind, whose own rank is full.
        parts.append(_above(own, torch.linalg.matrix_norm(tau) * max(w0.shape) * torch.finfo(tau.dtype).eps))
    flat = sum(part.S.sum() for part in parts) / q
    return _product(parts, flat).mul_(lam).add_(w0)


def _sum(w0: Tensor, experts: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(w0)
    for expert in experts:
        total += expert - w0
    return total


def _above(found: Frame, least: Tensor) -> Frame:
    return leading(found, int((found.S > least).sum()))


def _product(parts: Sequence[Frame], values: Tensor) -> Tensor:
    """polar([U ...]) diag(values) polar([V ...])^T."""
    v = polar(torch.cat([part.V for part in parts], dim=1))
    return polar(torch.cat([part.U for part in parts], dim=1)).mul_(values) @ v.T
