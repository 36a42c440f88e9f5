"""What a sequence of tasks leaves behind: the subspace that later tasks must not touch.

    S                           sketch of the task's gradients, frequent_directions.py: S^T S near sum G G^T
    H <- orth [H, leading right singular vectors of S that hold `energy` of it]       at the end of a task
    G <- G - H H^T G,  P <- orth (P - H H^T P)                                        from then on: H^T dW = 0

Source: CoSO 2505.11816 (abstract; no public code): sequential GaLore subspaces orthogonal to the historical one, Frequent
Directions (Ghashami et al. 1501.01711) for the task's component. How much energy is kept is this module's choice, .95; the
paper keeps the most directions that hold at most .98 [second-hand], here it is the fewest that hold at least as much.
Trap: weight decay moves W along H. CoSO decays nothing.
"""

import torch
from torch import Tensor

from harness.errors import SpecError

ENERGY = 0.95


def outside(matrix: Tensor, history: Tensor | None) -> Tensor:
    """The matrix (a, n) without its part in the columns of H (a, h)."""
    return matrix if history is None or not history.shape[1] else matrix - history @ (history.T @ matrix)


def basis_outside(basis: Tensor, history: Tensor | None) -> Tensor:
    """Orthonormal columns off H: projected twice, since once leaves what rounding put there."""
    if history is None or not history.shape[1]:
        return basis
    return outside(torch.linalg.qr(outside(basis, history)).Q, history)


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


def check(basis: Tensor, side: int, name: str) -> None:
    """Refuse what is no H (side, h) with orthonormal columns.

    Raises:
        SpecError: its shape is another, or its columns are not orthonormal to 1e-4.
    """
    if basis.ndim != 2 or basis.shape[0] != side or basis.shape[1] > side:
        raise SpecError(f"{name} is projected on a side of {side}: directions of shape {tuple(basis.shape)} do not lie there.")
    wide = basis.double()
    if not torch.allclose(wide.T @ wide, torch.eye(basis.shape[1], dtype=torch.float64, device=basis.device), atol=1e-4):
        raise SpecError(f"the directions to leave alone of {name} are not orthonormal: pass the Q of a QR decomposition.")
