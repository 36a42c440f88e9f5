"""Overlap of two subspaces: the mean squared cosine of their principal angles.

    O(P, Q) = |P^T Q|_F^2 / r,   P, Q (a, r) orthonormal;   chance r/a

Source: sheet of the low-rank literature, section 4; GaLore 2403.03507 and SARA 2502.05790 watch it over training.
Trap: a Gaussian P is not orthonormal: both are orthonormalised first.
"""

import torch
from torch import Tensor


def overlap(p: Tensor, q: Tensor) -> float:
    """Overlap of the column spaces, in [0, 1].

    Args:
        p, q: (a, r), full column rank.
    """
    first, second = (torch.linalg.qr(each.double()).Q for each in (p, q))
    return (first.T @ second).square().sum().item() / p.shape[1]
