"""Do changes gather in some rows (or columns), beyond what chance and the rows' own weights give?

    ratio_i      = share of the entries of row i that changed
    stripe_score = var(ratio) / (p (1 - p) / n)                          1 for independent coins of one density p
    gated score  = var(ratio - e) / mean of v,   e_i = mean_j P_ij,  v_i = mean_j P_ij (1 - P_ij) / n

P_ij is the chance that isotropic noise of the same norm changes entry ij: noise of spread s = |D|_F / sqrt(mn) passes the
midpoint to a neighbour at distance d with probability erfc(d / (s sqrt 2)) / 2. In closed form, so no noise is drawn.
Both scores spread by sqrt(2 / (rows - 1)) over noise; the variance is taken about the mean, so that a density that
differs from the noise's as a whole is no stripe.
Source: the row and column ratios of arXiv 2511.08567 (row-wise in Q, K, V, column-wise in O).
Trap: a row of small weights shows more of any update. On rows scaled by exp(.5 z) noise alone scores 19 at 256 x 256 and
relative size 1e-3; its gated score is 1. The gate explains rows for noise of even spread only: an update that lies in few
columns meets small rows otherwise, and then scores above 1 along rows as well (13 for an eighth of the columns at 128 x 128).
"""

from typing import Literal

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.bf16_change import changed_masks
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.visibility import visible_chance

Axis = Literal["rows", "columns"]


def change_ratios(change: Changed, axis: Axis = "rows", dtype: str | torch.dtype = "bf16") -> dict[str, Tensor]:
    """Share of changed entries of every row, (m,), or column, (n,), of each matrix; fp64 in [0, 1].

    Raises:
        MeasureError: an unknown axis.
    """
    along = _along(axis)
    return {name: mask.double().mean(along) for name, mask in changed_masks(change, dtype).items()}


def stripe_score(change: Changed, axis: Axis = "rows", dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Variance of the change ratios over that of coins with one density.

    Raises:
        MeasureError: an unknown axis, a single row, or a matrix of which nothing or everything changed.
    """
    change = change.change()
    scores = {}
    for name, ratios in change_ratios(change, axis, dtype).items():
        p = ratios.mean().item()
        coins = p * (1 - p) / (change.base[name].numel() // len(ratios))
        scores[name] = scatter(ratios, coins, name)
    return change.per_matrix(scores)


def gated_stripe_score(change: Changed, axis: Axis = "rows", dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Variance of the change ratios about what noise of the same norm shows of each row, over that of such noise.

    Raises:
        MeasureError: as `stripe_score`, and where an update is zero.
    """
    change = change.change()
    norms = change.nonzero_norm("what noise of its norm would show")
    along = _along(axis)
    scores = {}
    for name, ratios in change_ratios(change, axis, dtype).items():
        w0 = change.base[name]
        chance = visible_chance(w0, norms[name] / w0.numel() ** 0.5, dtype)
        coins = (chance * (1 - chance)).mean().item() / w0.shape[along]
        scores[name] = scatter(ratios - chance.mean(along), coins, name)
    return change.per_matrix(scores)


def scatter(values: Tensor, coins: float, name: str) -> float:
    """Variance of the values of stripes, (stripes,), over that of coins.

    Raises:
        MeasureError: a single stripe, or coins that do not vary.
    """
    if len(values) < 2:
        raise MeasureError(f"{name} has a single stripe: whether changes gather there is undefined.")
    if coins <= 0.0:
        raise MeasureError(f"all entries of {name} changed, or none: whether changes gather in stripes is undefined.")
    return values.var().item() / coins


def _along(axis: str) -> int:
    if axis not in ("rows", "columns"):
        raise MeasureError(f"unknown axis {axis!r}: use 'rows' or 'columns'.")
    return 1 if axis == "rows" else 0
