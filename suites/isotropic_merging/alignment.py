"""Subspace alignment of a task with a merge, and what the merge improved.

    SAR = |P tau|_F / |tau|_F, mean over matrices;  P projects on the first k left vectors of the merged update D,
          k smallest with sum_{i>k} sigma_i^2 <= .05^2 sum sigma_i^2
    NAI = (success of the merge - of the base) / (of the specialist - of the base)

Source: arXiv 2502.04959, Eq. 4-6 as quoted in the sheet (peft_merge 3.1, 3.6 M4), over attention and MLP matrices.
Trap: k is a matter of the rule as well: a flat spectrum takes nearly all directions, where any update has a SAR of almost 1.
"""

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]

TAIL = 0.05**2


def subspace_alignment(tau: "Tensor", merged: "Tensor") -> float:
    """SAR of one matrix: (m, n) both, fp64."""
    import torch

    u, s, _ = torch.linalg.svd(merged, full_matrices=False)
    left = s.square().flip(0).cumsum(0).flip(0)  # energy from each value on
    k = int((left > TAIL * left[0]).sum())
    return ((u[:, :k].T @ tau).norm() / tau.norm()).item()


def cosine(tau: "Tensor", merged: "Tensor") -> float:
    """<tau, D> / |tau| |D| of one matrix."""
    return ((tau * merged).sum() / (tau.norm() * merged.norm())).item()


MEASURES = {"sar": subspace_alignment, "cosine": cosine}


def mean_over_matrices(measure: str, base: "State", expert: "State", merged: "State") -> float:
    """A measure of whole states, mean over the judged matrices."""
    from harness.training.runs import projections

    first, own, end = (projections(dict(each)) for each in (base, expert, merged))
    found = [MEASURES[measure](own[n].double() - w.double(), end[n].double() - w.double()) for n, w in first.items()]
    return fsum(found) / len(found)


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Correlation of at least three pairs, neither side constant."""
    dx, dy = ([v - fsum(side) / len(side) for v in side] for side in (x, y))
    return fsum(a * b for a, b in zip(dx, dy, strict=True)) / sqrt(fsum(a * a for a in dx) * fsum(b * b for b in dy))
