"""A convex problem on which GaLore stands still: gradients smaller than noise that is the same in a few directions.

    f(X) = |A X|^2 / 2 + <B, X>,   A = [I_(n-r) 0],   B a Gaussian top-left block;   n = 10, r = 4
    grad f = the first n - r rows of X + B; the last r rows are 0
    observed: grad f + xi C,   C = I_r in the bottom right block, xi the mean of `batch` signs

The noise never touches the rows that have a gradient, so SGD converges to rounding. Its r singular values are |xi|; where
those of the gradient are all smaller, the r leading directions of what is observed are the noise's, and GaLore's step of
rank r moves rows that have no gradient. A step is X <- X - lr P P^T G by the optimizer that the bench uses, with momentum 0
and without a second moment.
Source: He et al., 2410.11289 (exp/main.py of their code, at lr 3e-5, T = 100, 200 000 steps); recipe E3 of the sheet on
low-rank gradients, re-scaled to lr .02, T = 20, 2000 steps.
Trap: the mean of an even batch of signs is often exactly 0 (3 of 8 at batch 4), and then P sees the gradient without noise. The
mean of an odd one never is. Convergence at batch 4 is of that kind; at batch 5 |xi| is .2 or more.
Trap: Gaussian noise reaches the rows with a gradient, so that SGD too ends at a distance of sqrt(lr / 2) sd a number.
"""

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Generator, Tensor

SIZE, RANK = 10, 4
LR, STEPS, REFRESH = 2e-2, 2000, 20
METHODS = {
    "sgd": None,
    "galore": dict(projector="svd"),
    "golore": dict(projector="svd", late_projector="stiefel", late_from=STEPS // 4),
    "random": dict(projector="stiefel"),
}
"""What a Subspace is set to; GoLore takes singular vectors for the first quarter of the steps, as in the authors' code."""

NOISES = ("block", "isotropic")


class Problem(NamedTuple):
    """One draw, fp64.

    Attributes:
        B: (n, n), the linear term.
        start: X_0 (n, n): half the identity in the rows that have a gradient, Gaussian below.
        noise: (steps, n, n), added to the gradients.
    """

    B: "Tensor"
    start: "Tensor"
    noise: "Tensor"

    def gradient(self, x: "Tensor") -> "Tensor":
        """grad f (n, n)."""
        found = x + self.B
        found[SIZE - RANK :] = 0.0
        return found


def problem(rng: "Generator", *, batch: int = 1, noise: str = "block", steps: int = STEPS) -> Problem:
    """Draw B, X_0 and the noise of every step.

    Args:
        rng: CPU generator.
        batch: draws of noise that a step averages.
        noise: "block" as above, or "isotropic": Gaussian in all n^2 entries, of the same mean square sum r / batch.

    Raises:
        SpecError: a batch below 1, or another noise.
    """
    import torch

    if batch < 1 or noise not in NOISES:
        raise SpecError(f"noise {noise!r} of a batch of {batch}: choose {' or '.join(NOISES)} and a batch of 1 or more.")
    live = SIZE - RANK
    start, linear = (torch.zeros(SIZE, SIZE, dtype=torch.float64) for _ in range(2))
    linear[:live, :live] = torch.randn(live, live, generator=rng, dtype=torch.float64)
    start[:live, :live] = torch.eye(live) / 2
    start[live:] = torch.randn(RANK, SIZE, generator=rng, dtype=torch.float64)
    if noise == "isotropic":
        spread = sqrt(RANK / batch) / SIZE
        return Problem(linear, start, spread * torch.randn(steps, SIZE, SIZE, generator=rng, dtype=torch.float64))
    signs = 2.0 * torch.randint(2, (steps, batch), generator=rng).double() - 1.0
    block = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    block[live:, live:] = torch.eye(RANK)
    return Problem(linear, start, signs.mean(1)[:, None, None] * block)


def final_gradient(
    rng: "Generator", method: str = "galore", *, batch: int = 1, noise: str = "block", refresh: int | None = REFRESH
) -> float:
    """|grad f|_F after STEPS steps of a method on one draw of the problem.

    Args:
        rng: draws the problem, then the seed of random subspaces.
        method: one of METHODS.
        batch, noise: as in `problem`.
        refresh: steps between two subspaces; None keeps the first.

    Raises:
        SpecError: an unknown method, or as `problem`.
    """
    import torch

    if method not in METHODS:
        raise SpecError(f"unknown method {method!r}: use one of {', '.join(METHODS)}.")
    drawn = problem(rng, batch=batch, noise=noise)
    x = torch.nn.Parameter(drawn.start.clone())
    optimizer = _optimizer(x, METHODS[method], refresh, int(torch.randint(2**31, (), generator=rng)))
    for added in drawn.noise:
        x.grad = drawn.gradient(x.data) + added
        optimizer.step()
    return torch.linalg.vector_norm(drawn.gradient(x.data)).item()


def _optimizer(x: "Tensor", settings: dict | None, refresh: int | None, seed: int):
    from torch.optim import SGD

    from harness.optimizers import Subspace, SubspaceOptimizer

    if settings is None:
        return SGD([x], lr=LR)
    plain = Subspace(RANK, refresh=refresh, side="left", second="none", **settings)
    return SubspaceOptimizer([x], lr=LR, betas=(0.0, 0.0), subspace=plain, seed=seed)
