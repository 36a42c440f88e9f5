"""OrthoMerge: rotations merged as rotations, what they leave as task vectors.

    R_i = polar(W0^T W_i) (n, n), so W0 R_i is nearest to W_i;   Q_i = (R_i + I)^-1 (R_i - I), skew
    Q = (sum |Q_i| / |sum Q_i|) (1/K) sum Q_i,   R = (I - Q)^-1 (I + Q)
    W* = W0 R + lam merge(W_1 - W0 R_1, ..., W_K - W0 R_K)

Source: arXiv 2602.05943 and its code (variant G). Its residuals are merged by TIES (lam 1, density .2, over the whole model;
here over each tensor), added (lam .2) or by TSV-M. What is no matrix goes through the same merge of residuals, without
rotation.
Trap: the spectrum is not kept: the residuals are not orthogonal changes.
Trap: Q is as long as the Q_i are on average, however much they disagree; below 1e-8 of that length the sum is taken as no
rotation.
Trap: where W0^T W_i lacks rank (every matrix wider than high) polar leaves a rotation of the rest open, and the paper's code
takes LAPACK's. The Q_i mix it into the result. Here the rest is turned as little as can be.
Trap: where an update exceeds the base's smallest singular values, R_i may be a reflection (half of all random square matrices),
and has an eigenvalue -1, where Q has none. The paper's code keeps the rounding of an infinite number there. Here such
directions are not turned, and what the expert did in them is left to its residual; nearly half turns stay, with a Q as long as
tan(theta / 2).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.merging.algebra import frame, numerical_rank
from harness.merging.rule import NOTHING, Given
from harness.merging.singular_tasks import tsv_delta
from harness.merging.ties import trimmed_mean

NO_ROTATION = 1e-8
HALF_TURN = 1e5  # an entry of Q this large: some direction is 2e-5 rad off 180 degrees, or a reflection
HALF_COSINE = -1.0 + 1e-9


def orthomerge(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *,
    lam: float = 1.0, density: float = 0.2, residual: str = "ties",
) -> Tensor:  # fmt: skip
    """The merged (m, n).

    Args:
        lam: factor of the merged residuals.
        density: share that TIES keeps of each residual.
        residual: "ties", "sum" or "tsv-m".

    """
    n = w0.shape[1]
    total, length, residuals = torch.zeros(n, n, dtype=w0.dtype, device=w0.device), 0.0, []
    for expert in experts:
        skew = to_skew(nearest_rotation(w0, expert))
        residuals.append(expert - w0 @ from_skew(skew))
        length += torch.linalg.vector_norm(skew).item()
        total += skew
    norm = torch.linalg.vector_norm(total).item()
    left = _merged(residuals, density, residual).mul_(lam)
    if norm <= NO_ROTATION * length:
        return left.add_(w0)
    return left.addmm_(w0, from_skew(total.mul_(length / norm / len(experts))))


def orthomerge_elsewhere(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *,
    lam: float = 1.0, density: float = 0.2, residual: str = "ties",
) -> Tensor:  # fmt: skip
    """The merge of residuals alone, of what is no matrix; added where it would be TSV-M."""
    deltas = [expert - w0 for expert in experts]
    return _merged(deltas, density, "sum" if residual == "tsv-m" else residual).mul_(lam).add_(w0)


def nearest_rotation(w0: Tensor, w1: Tensor) -> Tensor:
    """The orthogonal R (n, n) for which |W0 R - W1|_F is least, and nearest to I where that leaves it open."""
    product = w0.T @ w1
    found = frame(product)
    rank = numerical_rank(found.S, product.shape)
    rotation = found.U[:, :rank] @ found.V[:, :rank].T
    if rank < len(product):
        left, right = found.U[:, rank:], found.V[:, rank:]
        between = frame(left.T @ right)
        rotation += (left @ between.U) @ (right @ between.V).T
    return rotation


def to_skew(rotation: Tensor) -> Tensor:
    """Cayley's Q of an orthogonal R (n, n); 0 in the directions that R turns by 180 degrees."""
    one = torch.eye(len(rotation), dtype=rotation.dtype, device=rotation.device)
    skew, info = torch.linalg.solve_ex(rotation + one, rotation - one)
    if int(info) != 0 or not bool(skew.abs().max() < HALF_TURN):
        cosines, directions = torch.linalg.eigh((rotation + rotation.T) / 2)
        turned = directions[:, cosines < HALF_COSINE]
        # Both R and its rest map the turned directions into themselves.
        rotation = rotation + turned @ (2 * turned.T)
        skew = torch.linalg.solve(rotation + one, rotation - one)
    return (skew - skew.T) / 2


def from_skew(skew: Tensor) -> Tensor:
    """The rotation of a skew Q."""
    one = torch.eye(len(skew), dtype=skew.dtype, device=skew.device)
    return torch.linalg.solve(one - skew, one + skew)


def _merged(residuals: Sequence[Tensor], density: float, how: str) -> Tensor:
    if how == "ties":
        return trimmed_mean(residuals, density)
    return tsv_delta(residuals, len(residuals)) if how == "tsv-m" else torch.stack(list(residuals)).sum(0)
