"""From the direction in the subspace to the update of the weight.

    back       U = scale P N                                            rank r         GaLore 2403.03507
    channel    U = sqrt(scale) G diag(s),  s_j = |N_j| / |R_j|          full rank      APOLLO 2412.05270
    tensor     U = sqrt(scale) s G,        s = |N| / |R|                full rank      APOLLO-Mini
    residual   U = scale P N + (G - scale P R) diag(s), s as in channel full rank      Fira 2410.01623

Columns j run along the side that is not projected; 1e-8 is added to what divides. U comes before the learning rate and the
correction of bias.
Trap: pytorch_optimizer 4.1.0 scales the projected gradient and projects that back: a rank-r sketch, and an alpha^1.5. Of APOLLO
only the length is measured in the subspace.
Trap: the released Fira takes scale P R from G, so what remains is G outside the subspace only at scale 1. So does this.
"""

from math import sqrt

import torch
from torch import Tensor

from harness.optimizers.limiter import limit

TINY = 1e-8


def updated(
    kind: str, direction: Tensor, projected: Tensor, basis: Tensor, gradient: Tensor, scale: float,
    growth: float | None, previous: Tensor | None, *, after_scale: bool = False,
) -> Tensor:  # fmt: skip
    """U (a, b).

    Args:
        kind: one of options.UPDATES.
        direction: N (r, b).
        projected: R (r, b).
        basis: P (a, r).
        gradient: G (a, b).
        scale: see above.
        growth: of the limiter, or None.
        previous: norm that the limiter remembers, moved in place.
        after_scale: limit after sqrt(scale) in place of before.
    """

    def limited(update: Tensor) -> Tensor:
        return update if growth is None else limit(update, previous, growth)

    if kind == "back":
        return limited(lift(basis, direction * scale, gradient))
    if kind == "residual":
        outside = lift(basis, projected * -scale, gradient).add_(gradient).mul_(lengths(direction, projected, 0))
        return limited(outside).add_(lift(basis, direction * scale, gradient))
    scaled = gradient * lengths(direction, projected, 0 if kind == "channel" else None)
    if scale == 1.0:
        return limited(scaled)
    return limited(scaled.mul_(sqrt(scale))) if after_scale else limited(scaled).mul_(sqrt(scale))


def lift(basis: Tensor, inside: Tensor, like: Tensor) -> Tensor:
    """P X (a, b), in the memory order of G: a transposed view's sums with one are three times as slow otherwise."""
    return basis @ inside if like.is_contiguous() else (inside.T @ basis.T).T


def lengths(direction: Tensor, projected: Tensor, dim: int | None) -> Tensor:
    """s: how much longer Adam makes each column (dim 0) or the whole (None)."""
    return torch.linalg.vector_norm(direction, dim=dim) / (torch.linalg.vector_norm(projected, dim=dim) + TINY)
