"""Plant: noise that spares the principal weights entry by entry, |D|_F kept.

    D = (1 - M_princ) o Z,   Z Gaussian;   mask_overlap(D, "principal") = 0 in every format

What arXiv 2511.08567, Fig. 5 describes, by construction and not by the gate of bf16: a measure of mask overlap must find it.
"""

import torch

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.masks import principal_mask


def principal_free(change: Changed, generator: torch.Generator, alpha: float = 0.3) -> Change:
    """Noise outside M_princ, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        alpha: share of the entries in M_princ; its rank is the measure's default.
    """
    return in_direction(
        change, lambda w0: gaussian(w0.shape, generator) * ~principal_mask(w0, alpha), "plant:principal_free"
    )
