"""What a sequence of tasks leaves behind: the subspace that later tasks must not touch.

    S <- shrink([S; rows])      l rows that sketch the task's gradients: S^T S <= sum G G^T <= S^T S + |.|_F^2 / l
    H <- orth [H, leading right singular vectors of S that hold `energy` of it]       at the end of a task
    G <- G - H H^T G,  P <- orth (P - H H^T P)                                        from then on: H^T dW = 0

Source: CoSO 2505.11816 (abstract; no public code): sequential GaLore subspaces orthogonal to the historical one, Frequent
Directions (Ghashami et al. 1501.01711) for the task's component. How much energy is kept is this module's choice, .95.
Trap: weight decay moves W along H. CoSO decays nothing.
"""

import torch
from torch import Tensor

ENERGY = 0.95


def outside(matrix: Tensor, history: Tensor | None) -> Tensor:
    """The matrix (a, n) without its part in the columns of H (a, h)."""
    return matrix if history is None or not history.shape[1] else matrix - history @ (history.T @ matrix)


def basis_outside(basis: Tensor, history: Tensor | None) -> Tensor:
    """Orthonormal columns off H: projected twice, since once leaves what rounding put there."""
    if history is None or not history.shape[1]:
        return basis
    return outside(torch.linalg.qr(outside(basis, history)).Q, history)


def absorb(sketch: Tensor, basis: Tensor, projected: Tensor) -> None:
    """Frequent Directions, in place: take in P R, whose Gram matrix is P R R^T P^T.

    Args:
        sketch: S (l, a).
        basis: P (a, r), orthonormal.
        projected: R (r, b).
    """
    inner, values, _ = torch.linalg.svd(projected, full_matrices=False)
    rows = (basis @ (inner * values)).T
    _, values, right = torch.linalg.svd(torch.cat([sketch, rows]), full_matrices=False)
    squares, keep = values.square(), len(sketch)
    cut = squares[keep] if len(squares) > keep else torch.zeros_like(squares[0])
    shrunk = (squares - cut).clamp(min=0.0).sqrt()[:keep, None] * right[:keep]
    sketch.zero_()
    sketch[: len(shrunk)] = shrunk


def extended(history: Tensor, sketch: Tensor, energy: float = ENERGY) -> Tensor:
    """H with the leading directions of a task's sketch; as it was, where the sketch is empty.

    Args:
        history: H (a, h), orthonormal.
        sketch: S (l, a).
        energy: share of the sketch's squared norm to keep, in (0, 1].
    """
    _, values, right = torch.linalg.svd(outside(sketch.T, history).T, full_matrices=False)
    total = values.square().sum()
    if not total > 0.0:
        return history
    share = values.square().cumsum(0) / total
    count = min(int((share < energy * (1.0 - 1e-6)).sum()) + 1, int((values > 1e-6 * values[0]).sum()))
    return torch.cat([history, basis_outside(right[:count].T, history)], dim=1)
