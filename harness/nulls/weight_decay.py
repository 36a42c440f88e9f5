"""Weight decay alone: every matrix shrinks along itself, |D|_F kept.

    D = -d W0,   d = |D|_F / |W0|_F per matrix;   NSS = d, kappa = max(m, n) while d <= 1

The null of "this arm changes the spectrum more": AdamW with sum of lr x decay = 3e-3 does so without a gradient.
"""

import torch

from harness.nulls.surrogate import in_direction
from harness.spectra.change import Change, Changed


def weight_decay(change: Changed, generator: torch.Generator | None = None) -> Change:
    """Decay of the same norm in every matrix and snapshot. Nothing is drawn; the generator is left alone.

    Raises:
        MeasureError: a base matrix is zero.
    """
    return in_direction(change, lambda w0: -w0, "null:weight_decay")
