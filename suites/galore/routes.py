"""A matrix whose leading space a randomized decomposition can get wrong, and the routes that look for it.

    W = .02 Gaussian + 96 spikes of random orthonormal directions, sigma_i = .02 * 2 sqrt(n) * 8 i^-.6, rounded to bf16

At k = 32 of 768 neighbouring values differ by 2 %. The overlap of two seeds' spaces is |U^T U'|_F^2 / k, mean of both sides.
Source: recipes E15 and E17 of the sheet. svd_lowrank at its default overlaps with itself by .84 there, largest angle 85
degrees: as a reading of subspaces in time that would be rotation, of a matrix that stood still.
"""

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Generator, Tensor

SIZE, K, SPIKES = 768, 32, 96
ROUTES = ("krylov", "gram", "svd_lowrank")
RESIDUAL, PASSES, DEPTH = 1e-2, 8, 5
"""As harness.spectra.base_frame runs block Krylov on the Gram matrix."""


class Space(NamedTuple):
    """Leading directions, (m, k) and (n, k), fp64."""

    left: "Tensor"
    right: "Tensor"


def spiked(rng: "Generator", gapped: bool = False, size: int = SIZE, k: int = K) -> "Tensor":
    """W, fp32; `gapped` has k spikes only and a tenth of the noise, so that there is a gap behind them."""
    import torch

    spikes = k if gapped else size // 8
    noise = torch.randn(size, size, generator=rng) * (0.002 if gapped else 0.02)
    u, v = (torch.linalg.qr(torch.randn(size, spikes, generator=rng)).Q for _ in range(2))
    values = 0.02 * 2 * size**0.5 * 8 * torch.arange(1, spikes + 1).float() ** -0.6
    return (noise + (u * values) @ v.T).bfloat16().float()


def space(route: str, matrix: "Tensor", k: int, seed: int) -> Space:
    """The k leading directions by one route.

    Args:
        route: one of ROUTES; "svd_lowrank" is torch's with k + 8 columns and niter=2, its default.
        matrix: (m, n) fp32.
        k: directions.
        seed: of the route's random start.

    Raises:
        SpecError: an unknown route.
    """
    import torch

    if route == "krylov":
        from harness.spectra import leading_subspaces

        found = leading_subspaces(matrix, k, generator_seed=seed)
        return Space(found.U, found.V)
    if route == "gram":
        from harness.spectra.gram_krylov import gram_passes

        small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        passes = islice(gram_passes(matrix, small, k, max(2 * k, k + 64), DEPTH, seed), PASSES)
        found = next(each for each in passes if (each.residuals <= RESIDUAL * each.S).all())
        return Space(found.U, found.V)
    if route == "svd_lowrank":
        with torch.random.fork_rng():  # it draws from the global generator
            torch.manual_seed(seed)
            u, _, v = torch.svd_lowrank(matrix, q=k + 8)
        return Space(u[:, :k].double(), v[:, :k].double())
    raise SpecError(f"unknown route {route!r}: use one of {', '.join(ROUTES)}.")


def overlap_of_two_seeds(route: str, matrix: "Tensor", rng: "Generator", k: int = K) -> float:
    """In [0, 1]; 1 where the space does not depend on the seed."""
    import torch

    seeds = torch.randint(2**31, (2,), generator=rng).tolist()
    one, other = (space(route, matrix, k, seed) for seed in seeds)
    sides = ((one.left, other.left), (one.right, other.right))
    return sum((a.T @ b).square().sum().item() for a, b in sides) / (2 * k)
