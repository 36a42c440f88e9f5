"""A stack of updates of one matrix, X (N, m, n), decomposed along one axis at a time.

    "model"    G = <X_i, X_j>             (N, N)    directions are matrices
    "output"   G = sum_i X_i X_i^T        (m, m)    directions of what the layer writes
    "input"    G = sum_i X_i^T X_i        (n, n)    directions of what it reads
    explained_k = sum of the k leading eigenvalues of G / trace G
    order 1-2 HOSVD    X_i ~ mean + U core_i V^T,   U, V leading eigenvectors along "output" and "input" of the centred stack

The unfoldings themselves (N n long) are never decomposed. Centred, it is a share of variance; as it is, a share of energy.
Source: Universal Weight Subspace Hypothesis 2512.05117, Algorithm 1, as replicated in cahlen/universal-subspace-stress-test,
whose code takes the model axis (sheet peft_merge 4.2).
Trap: k of N independent updates explain k / N along "model" and more than k / m along the others; read beside a null
(harness.nulls.strength_matched).
Trap: rows S V^T of updates are the same up to sign and order, so their mean is nobody's: their Gram matrix is that of the
"input" axis as it is, uncentred.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError

Axis = Literal["model", "output", "input"]
AXES = ("model", "output", "input")


class Hosvd(NamedTuple):
    """Mean (m, n), left (m, k1) and right (n, k2) with orthonormal columns, core (N, k1, k2); fp64."""

    mean: Tensor
    left: Tensor
    right: Tensor
    core: Tensor

    def rebuilt(self) -> Tensor:
        """mean + left core_i right^T, (N, m, n)."""
        return self.mean + self.left @ self.core @ self.right.T


def gram(stack: Tensor, axis: Axis) -> Tensor:
    """Gram matrix along an axis, fp64.

    Args:
        stack: (N, m, n).
        axis: of AXES.

    Raises:
        MeasureError: no such axis, a stack of another form, or an entry that is not finite.
    """
    wide = checked(stack)
    if axis == "model":
        rows = wide.flatten(1)
        return rows @ rows.T
    if axis not in AXES:
        raise MeasureError(f"a stack of updates has no axis {axis!r}: choose one of {', '.join(AXES)}.")
    rows = (wide.transpose(0, 1) if axis == "output" else wide.permute(2, 0, 1)).flatten(1)
    return rows @ rows.T


def explained(stack: Tensor, axis: Axis, *, centred: bool = True) -> Tensor:
    """Share of the stack that 1, 2, ... leading directions of an axis hold, rising to 1; fp64.

    Args:
        stack: (N, m, n); for plain rows (R, d) pass `rows[:, None]` and axis "input".
        axis: of AXES.
        centred: whether the mean over the N is taken off first.

    Raises:
        MeasureError: nothing is left to explain; or as `gram`.
    """
    squares = torch.linalg.eigvalsh(gram(about_mean(stack) if centred else stack, axis)).flip(0).clamp(min=0.0)
    if squares[0] <= 1e-28 * checked(stack).square().sum() or squares[0] == 0.0:
        raise MeasureError("the updates of a stack are all alike or zero: there is nothing to explain.")
    return squares.cumsum(0) / squares.sum()


def top_share(stack: Tensor, axis: Axis, k: int, *, centred: bool = True) -> float:
    """Share that k leading directions hold.

    Raises:
        MeasureError: k is not in 1..their number; or as `explained`.
    """
    curve = explained(stack, axis, centred=centred)
    return curve[_within(k, len(curve), axis) - 1].item()


def hosvd(stack: Tensor, *, left: int | None = None, right: int | None = None, share: float = 0.99) -> Hosvd:
    """Order 1-2 HOSVD of a centred stack.

    Args:
        stack: (N, m, n).
        left, right: directions kept of each side; None keeps the fewest that hold `share` of the variance.
        share: in (0, 1].

    Raises:
        MeasureError: a number or share out of range; or as `explained`.
    """
    if not 0.0 < share <= 1.0:
        raise MeasureError(f"a share of {share} of the variance: it must lie above 0 and at most at 1.")
    mean, centred = checked(stack).mean(0), about_mean(stack)
    frames = []
    for axis, k in (("output", left), ("input", right)):
        squares, vectors = torch.linalg.eigh(gram(centred, axis))
        held = squares.flip(0).clamp(min=0.0).cumsum(0)
        # rounding leaves the sum of all a hair below 1 of itself
        wanted = int((held < share * held[-1] * (1 - 1e-12)).sum()) + 1 if k is None else _within(k, len(held), axis)
        frames.append(vectors.flip(1)[:, :wanted])
    u, v = frames
    return Hosvd(mean, u, v, u.T @ centred @ v)


def mean_energy(stack: Tensor) -> float:
    """|mean X|^2 / mean |X_i|^2, in [0, 1]; 1 / N where the updates have nothing in common.

    Raises:
        MeasureError: every update is zero; or as `gram`.
    """
    wide = checked(stack)
    each = wide.square().sum((1, 2)).mean().item()
    if each == 0.0:
        raise MeasureError("the updates of a stack are all zero: their mean has no share of them.")
    return wide.mean(0).square().sum().item() / each


def about_mean(stack: Tensor) -> Tensor:
    """The stack less its mean over the N, fp64."""
    wide = checked(stack)
    return wide - wide.mean(0)


def checked(stack: Tensor) -> Tensor:
    """The stack in fp64; raises as `gram`."""
    if stack.ndim != 3 or len(stack) < 2:
        raise MeasureError(f"a stack of updates has shape (N, m, n) with N of 2 or more, not {tuple(stack.shape)}.")
    wide = stack.detach().double()
    if not wide.isfinite().all():
        raise MeasureError("a stack of updates holds entries that are not finite.")
    return wide


def _within(k: int, count: int, axis: str) -> int:
    if not 1 <= k <= count:
        raise MeasureError(f"k = {k} directions of the axis {axis}, which has {count}: choose k between 1 and {count}.")
    return k
