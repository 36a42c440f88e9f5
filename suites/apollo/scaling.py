"""How long Adam makes each column of a gradient, measured in a random subspace and in the whole: the ratio and its law.

    s_j = |N_j| / |G_j| with Adam's moments of G;   s^R_j = |N^R_j| / |R_j| with those of R = P^T G, P Gaussian of variance 1/r
    s^R_j / s_j  ~  sqrt(r / a),   a the projected side                   (APOLLO 2412.05270, Sec. 4)

s^R is read off the update U = G diag(s^R) that the optimizer makes; s comes from the same functions with P left out. "tensor"
is one s for the whole matrix. No torch is imported before a function is called.
"""

from collections.abc import Iterable, Sequence
from math import log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHAPES = ((256, 256), (128, 512))
"""Shapes of the sheet's E4."""

STEPS, BETAS, EPS = 20, (0.9, 0.999), 1e-8
UNSCALED = dict(refresh=None, limiter=None, scale=1.0, adam="torch")
"""Settings of the optimizer under which U = G diag(s^R) and nothing else."""


def law_ratio(
    stream: "Sequence[Tensor]", update: "Tensor", rank: int, *, kind: str = "channel",
    betas: tuple[float, float] = BETAS, eps: float = EPS,
) -> float:  # fmt: skip
    """Mean over columns of s^R_j / s_j, over sqrt(r / a): 1 where the law holds.

    Args:
        stream: G of every step so far, (m, n); the smaller side, of a square matrix the columns, was projected.
        update: U of the last step, (m, n).
        rank: r.
        kind: "channel" or "tensor".
        betas, eps: of the moments.
    """
    import torch
    from harness.optimizers.moments import adam
    from harness.optimizers.updates import lengths

    flipped = update.shape[0] >= update.shape[1]
    turned = [g.T if flipped else g for g in stream]
    m, v = torch.zeros_like(turned[0]), torch.zeros_like(turned[0])
    for step, gradient in enumerate(turned, 1):
        direction = adam(m, v, gradient, step, betas, eps, "torch").N
    dim = 0 if kind == "channel" else None
    inside = lengths(update.T if flipped else update, turned[-1], dim)
    return ((inside / lengths(direction, turned[-1], dim)).mean() / sqrt(rank / len(turned[0]))).item()


def made_up(
    rng: "Generator", shape: tuple[int, int], rank: int, *, kind: str = "channel", projector: str = "gaussian",
    signal: float = 0.5,
) -> float:  # fmt: skip
    """`law_ratio` after 20 steps on gradients of the sheet's E4: `signal` times a fixed product of rank 3, and noise."""
    import torch
    from harness.optimizers import Subspace, SubspaceOptimizer

    fixed = signal * torch.randn(shape[0], 3, generator=rng) @ torch.randn(3, shape[1], generator=rng)
    stream = [fixed + torch.randn(shape, generator=rng) for _ in range(STEPS)]
    parameter, updates = torch.nn.Parameter(torch.zeros(shape)), []
    subspace = Subspace(rank=rank, projector=projector, update=kind, **UNSCALED)
    seed = int(torch.randint(2**31, (), generator=rng))
    optimizer = SubspaceOptimizer([parameter], betas=BETAS, eps=EPS, subspace=subspace, seed=seed)
    optimizer.register_probe(lambda look: updates.append((look.update.T if look.flipped else look.update).clone()))
    for gradient in stream:
        parameter.grad = gradient.clone()
        optimizer.step()
    return law_ratio(stream, updates[-1], rank, kind=kind)


def farthest(ratios: Iterable[float]) -> float:
    """The ratio that is farthest from 1 on the log: a range that holds it holds them all."""
    return max(ratios, key=lambda ratio: abs(log(ratio)))


def projected_scaling(gradient: "Tensor", rank: int, rng: "Generator") -> "Tensor":
    """What APOLLO is not: P R diag(s), the scaled *projected* gradient, as pytorch_optimizer 4.1.0 steps. (m, n), rank r."""
    import torch
    from harness.optimizers.moments import adam
    from harness.optimizers.projectors import Draw, random_basis
    from harness.optimizers.updates import lengths

    flipped = gradient.shape[0] >= gradient.shape[1]
    turned = gradient.T if flipped else gradient
    basis = random_basis("gaussian", turned, rank, Draw(int(torch.randint(2**31, (), generator=rng)), 0, 1))
    projected = basis.T @ turned
    direction = adam(torch.zeros_like(projected), torch.zeros_like(projected), projected, 1, BETAS, EPS, "torch").N
    update = basis @ (projected * lengths(direction, projected, 0))
    return update.T if flipped else update
