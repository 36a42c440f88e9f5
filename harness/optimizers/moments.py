"""Moments in the subspace: how they follow the projected gradient, and what a change of subspace does to them.

    M <- b1 M + (1 - b1) R,   V <- b2 V + (1 - b2) R^2

    huggingface   N = M / (sqrt(V) + eps), the step times sqrt(1 - b2^t) / (1 - b1^t)    GaLore, APOLLO, Fira
    torch         N = M^ / (sqrt(V^) + eps) with corrected moments                       LDAdam
    none          N = M

At a refresh, with C = P_new^T P_old:

    keep      nothing: the numbers now belong to other directions (GaLore, issue 54)
    rotate    M' = C M,   V' = (1 - b2^t) | C^2 (V / (1 - b2^t) - M^2 / (1 - b1^t)^2) + M'^2 / (1 - b1^t)^2 |
              squares by entry; t steps made so far. LDAdam 2410.16103; M' alone is FLORA's transfer 2402.03293
    reset     the smallest entries become 0, all of them or a share (ReLoRA 2307.05695)

Trap: after a reset the correction of bias stays that of a long run, and the first steps are (1 - b1) / sqrt(1 - b2) = 3 times
too long at betas .9, .999: ReLoRA warms up again (`restart_warmup`).
"""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

Betas = tuple[float, float]
FACTORED_EPS, FACTORED_CLIP = 1e-30, 1.0  # Adafactor 1804.04235


class Direction(NamedTuple):
    """N (r, b), and the factor of the step that corrects its bias."""

    N: Tensor
    factor: float


def adam(m: Tensor, v: Tensor, projected: Tensor, step: int, betas: Betas, eps: float, convention: str) -> Direction:
    """Move M and V in place by one projected gradient, and divide.

    Args:
        m, v, projected: (r, b).
        step: 1, 2, ...
        convention: "huggingface" or "torch".
    """
    b1, b2 = betas
    m.mul_(b1).add_(projected, alpha=1.0 - b1)
    v.mul_(b2).addcmul_(projected, projected, value=1.0 - b2)
    c1, c2 = 1.0 - b1**step, 1.0 - b2**step
    if convention == "huggingface":
        return Direction(m / v.sqrt().add_(eps), sqrt(c2) / c1)
    return Direction((m / c1) / (v / c2).sqrt_().add_(eps), 1.0)


def momentum(m: Tensor, projected: Tensor, betas: Betas) -> Direction:
    """Move M in place; N is a copy of it."""
    m.mul_(betas[0]).add_(projected, alpha=1.0 - betas[0])
    return Direction(m.clone(), 1.0)


def factored(gradient: Tensor, rows: Tensor, columns: Tensor, step: int) -> Tensor:
    """Adafactor's G / sqrt(V), V = row means x column means / mean of the row means; the means move in place.

    Args:
        gradient: (a, b).
        rows: (a,).
        columns: (b,).
        step: 1, 2, ...; the weight of the past is 1 - step^-.8.
    """
    square = gradient.square().add_(FACTORED_EPS)
    keep = 1.0 - step**-0.8
    rows.mul_(keep).add_(square.mean(1), alpha=1.0 - keep)
    columns.mul_(keep).add_(square.mean(0), alpha=1.0 - keep)
    return gradient * (rows / rows.mean()).rsqrt()[:, None] * columns.rsqrt()


def clipped(update: Tensor) -> Tensor:
    """Adafactor's clip: a root mean square of at most 1."""
    size = update.square().mean().sqrt()
    return update / (size / FACTORED_CLIP).clamp(min=1.0)


def rotate(m: Tensor, v: Tensor | None, change: Tensor, steps: int, betas: Betas) -> None:
    """Carry the moments over to a new subspace, in place.

    Args:
        m: (r, b).
        v: (r, b), or None where there is no second moment of R.
        change: C (r, r).
        steps: made so far, at least 1.
    """
    moved = change @ m
    if v is not None:
        c1, c2 = 1.0 - betas[0] ** steps, 1.0 - betas[1] ** steps
        variance = change.square() @ (v / c2 - (m / c1).square())
        v.copy_((variance + (moved / c1).square()).abs_().mul_(c2))
    m.copy_(moved)


def reset(moment: Tensor, share: float) -> None:
    """Set the smallest entries of a moment to 0, in place; at share 1 all of them."""
    if share == 1.0:
        moment.zero_()
        return
    count = int(share * moment.numel())
    smallest = moment.abs().flatten().argsort(stable=True)[:count]
    moment.view(-1)[smallest] = 0.0
