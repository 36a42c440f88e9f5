"""Plant: an update of known rank in random directions, |D|_F kept.

    D = A B^T,   A (m, r) and B (n, r) Gaussian

Every count of directions must read r or less here; differences of bf16 checkpoints read full rank (the trap of H29).
"""

import torch
from torch import Tensor

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.frame import leading


def low_rank(change: Changed, generator: torch.Generator, rank: int = 8) -> Change:
    """An update of rank `rank`, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        rank: 1..min(m, n).

    Raises:
        MeasureError: a rank that a matrix cannot have.
    """

    def product(w0: Tensor) -> Tensor:
        r = leading(min(w0.shape), rank, 1.0)
        return gaussian(torch.Size((w0.shape[0], r)), generator) @ gaussian(torch.Size((w0.shape[1], r)), generator).T

    return in_direction(change, product, "plant:low_rank")
