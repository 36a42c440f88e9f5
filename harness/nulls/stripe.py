"""Plant: an update confined to some rows (or columns), |D|_F kept.

    D = M o Z,   M whole rows chosen at random, Z Gaussian

What arXiv 2511.08567 shows as row-wise and column-wise footprints, by construction and not by the rows' own size: a measure of stripes must find it.
"""

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.frame import leading


def stripe(change: Changed, generator: torch.Generator, fraction: float = 1 / 8, axis: str = "rows") -> Change:
    """Noise on a random choice of rows or columns, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        fraction: share of the rows that move, in (0, 1]; at least one.
        axis: "rows" or "columns".

    Raises:
        MeasureError: an unknown axis, or fraction outside (0, 1].
    """
    if axis not in ("rows", "columns"):
        raise MeasureError(f"unknown axis {axis!r}: use 'rows' or 'columns'.")

    def striped(w0: Tensor) -> Tensor:
        count = w0.shape[0 if axis == "rows" else 1]
        chosen = torch.zeros(count, dtype=torch.float64)
        chosen[torch.randperm(count, generator=generator)[: leading(count, None, fraction)]] = 1.0
        return gaussian(w0.shape, generator) * (chosen[:, None] if axis == "rows" else chosen)

    return in_direction(change, striped, "plant:stripe")
