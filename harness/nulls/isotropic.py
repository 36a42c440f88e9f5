"""Isotropic noise: every entry independent Gaussian, |D|_F kept.

The null of every statement about where an update lies: kappa 1, enrichment 1. Seen through bf16 it also reads
change density, M_low and M_princ like those published for RLVR (measures that cast do so by themselves).
"""

import torch

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed


def isotropic(change: Changed, generator: torch.Generator) -> Change:
    """Noise of the same norm in every matrix and snapshot."""
    return in_direction(change, lambda w0: gaussian(w0.shape, generator), "null:isotropic")
