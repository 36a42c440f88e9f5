"""KnOTS: experts written in one basis, and merged there.

    [tau_1 ... tau_K] = U S [V_1 ... V_K]^T  (m, K n)    expert i is S V_i^T = U^T tau_i (rank, n)
    merged = W0 + lam U merge(S V_1^T, ..., S V_K^T),    merge is TIES or DARE

Source: arXiv 2410.19735, for LoRA updates. What is no matrix is merged by TIES or DARE itself.
Trap: the paper's code keeps singular values above 1e-5, an absolute size; here those above rounding.
Trap: TIES depends on the basis, and U is defined up to turns among equal singular values.
Trap: of all K n columns at once: three experts of an embedding of 32000 x 4096 take some 16 GiB, where ISO
and TSV-M take 7, Iso-CTS and OrthoMerge 9 (extrapolated from 8000 x 1024): `where="layers"` leaves it to the mean.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.merging.algebra import left_vectors
from harness.merging.rule import Given
from harness.merging.ties import dropped, trimmed_mean


def knots(
    w0: Tensor, experts: Sequence[Tensor], given: Given, *,
    density: float = 0.2, lam: float = 1.0, represent: str = "ties", drop: float = 0.5,
) -> Tensor:  # fmt: skip
    """The merged (m, n).

    Args:
        given: `generator` draws DARE's masks.
        density: share that TIES keeps of each representation.
        lam: factor.
        represent: "ties" or "dare", how representations are merged.
        drop: p of DARE, whose rest is averaged.
    """
    joined = torch.cat([expert - w0 for expert in experts], dim=1)
    basis = left_vectors(joined)
    if basis.shape[1] == 0:
        return w0.clone()
    merged = _merged([basis.T @ delta for delta in joined.split(w0.shape[1], dim=1)], given, density, represent, drop)
    return w0 + lam * (basis @ merged)


def knots_elsewhere(
    w0: Tensor, experts: Sequence[Tensor], given: Given, *,
    density: float = 0.2, lam: float = 1.0, represent: str = "ties", drop: float = 0.5,
) -> Tensor:  # fmt: skip
    """The same merge of the entries themselves, for what is no matrix."""
    return w0 + lam * _merged([expert - w0 for expert in experts], given, density, represent, drop)


def _merged(parts: Sequence[Tensor], given: Given, density: float, represent: str, drop: float) -> Tensor:
    if represent == "ties":
        return trimmed_mean(parts, density)
    return torch.stack([dropped(part, drop, given.generator) for part in parts]).mean(0)
