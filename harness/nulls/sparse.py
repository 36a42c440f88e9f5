"""Null of storage claims: an update that is sparse in itself, whatever stores it. |D|_F kept.

    D = M o Z,   M a random mask of the given density, Z Gaussian

fp32 shows no more changed entries than bf16 does, up to the gate: so "sparsity is storage" must fail on it.
"""

import torch

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed


def sparse(change: Changed, generator: torch.Generator, density: float = 0.1) -> Change:
    """Gaussian noise on a random share of the entries, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        density: expected share of the entries that move, in (0, 1].
    """

    def masked(w0: torch.Tensor) -> torch.Tensor:
        mask = torch.rand(w0.shape, generator=generator) < density
        return gaussian(w0.shape, generator) * mask

    return in_direction(change, masked, "null:sparse")
