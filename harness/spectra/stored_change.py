"""What 16-bit storage shows of an update, in one pass over a matrix as it is stored: which entries changed, by how many steps,
in which rows and columns, and how many of them lie in given masks.

The numbers are those of change_density, ulp_distance, gated_stripe_score and mask_overlap, which hold a matrix several times in
fp64; here some rows at a time. On a bf16 base the chance that noise shows an entry depends on its 16 bits alone, so it is
looked up among 65536 (4096 x 11008: .3 CPU-s, .13 of them for nothing but reading) and not computed for each.
Trap: 45 million steps as int64 are 360 MB; a sum of a comparison casts first. count_nonzero does not.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.products import rows_of
from harness.spectra.stripes import scatter
from harness.spectra.ulp_distance import storage_order
from harness.spectra.visibility import visible_chance

MOST = 65536  # no two bf16 numbers are further apart
Mask = Callable[[slice], Tensor]


class StoredChange(NamedTuple):
    """Counts over one matrix.

    Attributes:
        steps: (65537,) int64: entries that moved by 0, 1, 2 ... steps of bf16.
        in_masks: changed entries inside each mask.
        row_ratios, column_ratios: share of changed entries of every row (m,) and column (n,), fp64.
        row_chances, column_chances: the same for noise of the given spread, expected.
        coins: mean over entries of P (1 - P), P the chance that noise shows an entry.
    """

    steps: Tensor
    in_masks: tuple[int, ...]
    row_ratios: Tensor
    column_ratios: Tensor
    row_chances: Tensor
    column_chances: Tensor
    coins: float

    @property
    def changed(self) -> int:
        """Entries whose stored value differs."""
        return int(self.steps[1:].sum())

    @property
    def density(self) -> float:
        """Share of the entries whose stored value differs."""
        return self.changed / int(self.steps.sum())

    def share_moved(self, least: int, most: int = MOST) -> float:
        """Share of the changed entries that moved by least..most steps.

        Raises:
            MeasureError: nothing changed.
        """
        return int(self.steps[least : most + 1].sum()) / self._some()

    def median_steps(self) -> float:
        """Of the changed entries.

        Raises:
            MeasureError: nothing changed.
        """
        half = (self._some() + 1) // 2
        return float(torch.searchsorted(self.steps[1:].cumsum(0), half)) + 1

    def overlap(self, which: int) -> float:
        """Share of the changed entries that lie in a mask.

        Raises:
            MeasureError: nothing changed.
        """
        return self.in_masks[which] / self._some()

    def stripe_score(self, axis: str) -> float:
        """Scatter of the rows' (or columns') ratios about noise's, over that of noise; see harness.spectra.stripes.

        Raises:
            MeasureError: a single stripe, or noise that changes all entries or none.
        """
        if axis == "rows":
            return scatter(self.row_ratios - self.row_chances, self.coins / len(self.column_ratios), "the matrix")
        return scatter(self.column_ratios - self.column_chances, self.coins / len(self.row_ratios), "the matrix")

    def _some(self) -> int:
        if not self.changed:
            raise MeasureError("no entry changes in bf16: how and where entries moved is undefined; train longer.")
        return self.changed


def stored_change(w0: Tensor, w1: Tensor, spread: float, masks: Sequence[Mask] = ()) -> StoredChange:
    """Read a pair.

    Args:
        w0, w1: (m, n), any floating dtype, finite; cast to bf16 to be compared.
        spread: standard deviation of the noise to compare with, |D|_F / sqrt(mn).
        masks: functions from a slice of rows to a mask (rows, n) bool.
    """
    m, n = w0.shape
    steps = torch.zeros(MOST + 1, dtype=torch.int64, device=w0.device)
    in_masks = [0] * len(masks)
    row_ratios, row_chances = (torch.empty(m, dtype=torch.float64, device=w0.device) for _ in range(2))
    column_ratios, column_chances = (torch.zeros(n, dtype=torch.float64, device=w0.device) for _ in range(2))
    coins, chance = 0.0, _chances(w0, spread)
    for start in range(0, m, rows_of(w0)):
        rows = slice(start, min(start + rows_of(w0), m))
        moved = (storage_order(w0[rows]) - storage_order(w1[rows])).abs()
        steps += torch.bincount(moved.flatten(), minlength=MOST + 1)
        changed = moved > 0
        row_ratios[rows] = changed.sum(1, dtype=torch.int32).double() / n
        column_ratios += changed.sum(0, dtype=torch.int32)
        in_masks = [count + int(torch.count_nonzero(mask(rows) & changed)) for count, mask in zip(in_masks, masks, strict=True)]
        p = chance(rows)
        row_chances[rows] = p.mean(1, dtype=torch.float64)
        column_chances += p.sum(0, dtype=torch.float64)
        coins += (p * (1 - p)).sum(dtype=torch.float64).item()
    return StoredChange(
        steps.cpu(), tuple(in_masks), row_ratios, column_ratios / m, row_chances, column_chances / m, coins / (m * n)
    )


def _chances(w0: Tensor, spread: float) -> Callable[[slice], Tensor]:
    """From a slice of rows to the chance that noise shows each entry, (rows, n) fp32."""
    if w0.dtype != torch.bfloat16:
        return lambda rows: visible_chance(w0[rows].float(), spread).float()
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    numbers = bits.view(torch.bfloat16).float()
    table = visible_chance(torch.where(numbers.isfinite(), numbers, 0.0), spread).float().to(w0.device)
    return lambda rows: table[w0[rows].contiguous().view(torch.int16).int() + 2**15]
