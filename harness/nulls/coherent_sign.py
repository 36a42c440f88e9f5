"""Equal magnitude, random signs: an Adam update whose every step agreed, |D|_F kept.

Isotropic to the spectrum, but bf16 sees it otherwise: all entries have one size, so the change mask is a function of
|W0| alone and two independent draws share it (Jaccard .997 against .43 of Gaussian noise at relative size 1e-3).
"""

import torch

from harness.nulls.surrogate import in_direction, random_signs
from harness.spectra.change import Change, Changed


def coherent_sign(change: Changed, generator: torch.Generator) -> Change:
    """Random signs of the same norm in every matrix and snapshot."""
    return in_direction(change, lambda w0: random_signs(w0.shape, generator), "null:coherent_sign")
