"""Overlap of the changed entries with the principal, or the low-magnitude, entries of the base.

    M_princ = the fraction alpha of entries with the largest |W0^(r)|,  W0^(r) the best rank-r approximation
    M_low   = the fraction alpha of entries with the smallest |W0|
    overlap = |M* and M| / |M|,  M the changed entries;  chance alpha

Source: arXiv 2511.08567, Sec. 4.2 (M_princ after LIFT, arXiv 2506.00772); alpha and r are unstated there.
Trap: chance is not the null. bf16 shows an update only where |W0| is small, so isotropic noise of relative size 1e-3
reads M_princ .20 and M_low .84 at alpha = .3. Compare with noise of the same norm seen through the same format.
"""

from typing import Literal

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.bf16_change import changed_masks
from harness.spectra.change import Changed
from harness.spectra.content_cache import SHARED
from harness.spectra.frame import Frame, leading
from harness.spectra.per_matrix import PerMatrix


def largest(scores: Tensor, alpha: float) -> Tensor:
    """Mask of the round(alpha * count) largest scores; ties go to the first in row order.

    Args:
        scores: any shape, no NaN.
        alpha: fraction in (0, 1).

    Raises:
        MeasureError: alpha outside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise MeasureError(f"alpha = {alpha} of the entries: it must lie strictly between 0 and 1.")
    flat = scores.flatten()
    count = round(alpha * len(flat))
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = flat.kthvalue(len(flat) - count + 1).values
    mask = flat > threshold
    ties = (flat == threshold).nonzero().flatten()
    mask[ties[: count - int(mask.sum())]] = True
    return mask.view_as(scores)


def principal_mask(base: Tensor, alpha: float = 0.3, rank: int | None = None, fraction: float = 1 / 8) -> Tensor:
    """M_princ of a base matrix, (m, n) bool.

    Args:
        base: (m, n).
        alpha: fraction of the entries.
        rank: of the approximation; if None, `fraction` of min(m, n).
    """
    r = leading(min(base.shape), rank, fraction)
    return _remembered(base, ("principal", alpha, r), lambda: largest(Frame.of(base).low_rank(r).abs(), alpha))


def low_mask(base: Tensor, alpha: float = 0.3) -> Tensor:
    """M_low of a base matrix, (m, n) bool."""
    return _remembered(base, ("low", alpha), lambda: largest(-base.abs(), alpha))


def mask_overlap(
    change: Changed,
    which: Literal["principal", "low"],
    alpha: float = 0.3,
    rank: int | None = None,
    dtype: str | torch.dtype = "bf16",
    density: float | None = None,
) -> PerMatrix:
    """Share of the changed entries that lie in M_princ or M_low, in [0, 1]; chance alpha.

    Args:
        change: the update to read.
        which: "principal" or "low".
        alpha: fraction of the entries in the mask.
        rank: of the approximation behind M_princ; if None, an eighth of min(m, n).
        dtype: storage format in which entries count as changed.
        density: count the entries with the largest |D| as changed instead, this share of each matrix; no format is looked
            through then.

    Raises:
        MeasureError: an unknown mask, or a matrix none of whose entries changed.
    """
    if which not in ("principal", "low"):
        raise MeasureError(f"unknown mask {which!r}: use 'principal' or 'low'.")
    change = change.change()
    shares = {}
    if density is None:
        masks = changed_masks(change, dtype)
    else:
        masks = {name: largest(d.abs(), density) for name, d in change.update.items()}
    for name, moved in masks.items():
        if not moved.any():
            raise MeasureError(
                f"no entry of {name} changes in {dtype}: where its changes lie is undefined; "
                "train longer, or store in a finer format."
            )
        w0 = change.base[name]
        mask = principal_mask(w0, alpha, rank) if which == "principal" else low_mask(w0, alpha)
        shares[name] = (moved & mask).sum().item() / moved.sum().item()
    return change.per_matrix(shares)


def _remembered(base: Tensor, what: tuple, compute) -> Tensor:
    return SHARED.get(base, what, compute, size=lambda mask: mask.nbytes)
