"""How a subspace is chosen: P (a, r) from the gradient G (a, b), or without looking at it.

    svd        leading left singular vectors of G                      GaLore 2403.03507
    sara       left singular vectors, r drawn without replacement with probability sigma_i / sum sigma, in order
                                                                       2502.05790
    stiefel    uniform orthonormal: Q of a Gaussian, R's diagonal > 0  GoLore 2410.11289;   E[P P^T] = (r/a) I
    gaussian   entries N(0, 1/r)                                       APOLLO 2412.05270, FLORA 2402.03293;   E[P P^T] = I
    power      Q of B (B^T P_old), B = rho P_old M / (1 - b1^t) + (1 - rho) G      LDAdam 2410.16103; svd of G at first

A draw depends on (seed, index of the parameter, number of the refresh) alone and is made on the CPU: no generator has to be
stored, and a resumed run draws what an uninterrupted one would have, on any device.
A power iteration is the cheap one, .018 CPU-s at 1024 x 1024 and r = 256 where svd takes .1; from another batch's basis
(overlap .48) one step reaches an overlap of .85 with the svd's subspace, two .92.
Trap: probabilities of sara go with sigma, not sigma^2.
Trap: the sign of a singular vector is arbitrary, and moments that are kept over a refresh see it. So a new column points to the
side of the old column in its place, a first one to its largest entry; LAPACK's signs (`exact`) may turn a moment around.
A gradient of zeros tells nothing: the last P stays, where there is one.
"""

import hashlib
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.optimizers.leading_basis import exact_basis, leading_basis, spectrum


class Draw(NamedTuple):
    """What randomness depends on: the optimizer's seed, the parameter's index, the refresh (1, 2, ...)."""

    seed: int
    index: int
    refresh: int

    def generator(self) -> torch.Generator:
        """A CPU generator of its own."""
        digest = hashlib.sha256(f"{self.seed}|{self.index}|{self.refresh}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def project(
    name: str,
    gradient: Tensor,
    rank: int,
    draw: Draw,
    previous: Tensor | None,
    *,
    exact: bool = False,
    mixed: Tensor | None = None,
) -> Tensor:
    """A new P (a, rank), in the gradient's dtype, on its device.

    Args:
        name: one of options.PROJECTORS.
        gradient: G (a, b), fp32 or fp64, finite.
        rank: from 1 to a.
        draw: what a random projector depends on.
        previous: the last P, None at the first refresh.
        exact: svd by LAPACK, signs and all.
        mixed: B of the power iteration; None: G.
    """
    if name in ("stiefel", "gaussian"):
        return random_basis(name, gradient, rank, draw)
    seen = gradient if mixed is None else mixed
    if previous is not None and not seen.any():
        return previous
    if name == "power" and previous is not None:
        return torch.linalg.qr(seen @ (seen.T @ previous)).Q
    if name == "sara":
        return aligned(_sampled(gradient, rank, draw), previous)
    if exact:
        return exact_basis(gradient, rank)
    return aligned(leading_basis(gradient, rank), previous)


def random_basis(name: str, like: Tensor, rank: int, draw: Draw) -> Tensor:
    """A P that depends on the draw and on the shape of G alone."""
    z = torch.randn(like.shape[0], rank, generator=draw.generator(), dtype=torch.float64)
    if name == "gaussian":
        return (z / sqrt(rank)).to(like)
    q, r = torch.linalg.qr(z)
    return (q * torch.where(r.diagonal() < 0.0, -1.0, 1.0)).to(like)


def aligned(basis: Tensor, previous: Tensor | None) -> Tensor:
    """The basis with each column's sign such that its product with the old column in its place is not negative.

    Without an old one its largest entry is positive.
    """
    if previous is None:
        towards = basis.gather(0, basis.abs().argmax(0, keepdim=True))[0]
    else:
        towards = (basis * previous).sum(0)
    return basis * torch.where(towards < 0.0, -1.0, 1.0)


def _sampled(gradient: Tensor, rank: int, draw: Draw) -> Tensor:
    found = spectrum(gradient)
    # Directions without gradient come last, but are there to be drawn where fewer than r have any.
    weights = found.S.clamp(min=1e-12 * found.S[0].item()) if found.S[0] > 0.0 else torch.ones_like(found.S)
    chosen = weights.cpu().multinomial(rank, generator=draw.generator()).sort().values
    return found.U[:, chosen.to(gradient.device)].to(gradient.dtype)
