"""The top eigenspace of a loss's Hessian over given parameters, by Lanczos on Hessian-vector products.

    Q <- [Q, orth((I - Q Q^T) H q)] block by block, every block made orthogonal to all before, twice
    T = Q^T H Q = Y diag(theta) Y^T,   v = Q y,   residual = |H v - theta v|

An eigenvalue lies within its residual of theta (within residual^2 / gap, if the gap is wide), an eigenvector within residual
/ gap. The images H q are kept, so residuals are those of the products themselves and not a recurrence's. Convergence is
confirmed by a fresh random block and some steps more: what the first start could not see (a third copy of a double
eigenvalue) shows there.
Source: Gur-Ari, Roberts & Dyer 1812.04754 (gradient descent in a tiny subspace); Parlett 1980 for Lanczos. Recipe E11 of the
sheet on low-rank gradients: top 5 of 1229 parameters in 42 products, .05 CPU-s; gradient's share .2 - .5 where chance is
.004, overlap of spaces 20 steps apart .99.
Trap: the share of the gradient in this space is not what learning needs: steps projected on it lower the loss by .5 % of what
SGD does, steps without it by 99.5 % (Song et al.; E11, two seeds).
Trap: "top" is the largest algebraic here, negative curvature is at the other end; "magnitude" takes both.
Trap: the loss must be the same at every call: no dropout, one batch. Its graph is built once and kept.
Memory: 2 x products x parameters x 8 bytes, half as much again while it grows: 123 200 parameters and 60 products take 180 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.errors import MeasureError
from harness.spectra.curvature import Loss

Which = Literal["algebraic", "magnitude"]
CONFIRM = 6
WEAK = 1e-10  # of the largest Ritz value: a block that adds less has met an invariant space


class HessianTop(NamedTuple):
    """k eigenpairs, leading first, fp64.

    Attributes:
        values: (k,).
        vectors: name -> (k, *shape); over all names together orthonormal.
        residuals: (k,), |H v - theta v|.
        gap: theta_k - theta_(k+1) (of magnitudes, if those were asked for); None where no further value is known. Without a
            gap the space is arbitrary at its end.
        products: Hessian-vector products taken.
        parameters: P, entries of all parameters.
    """

    values: Tensor
    vectors: dict[str, Tensor]
    residuals: Tensor
    gap: float | None
    products: int
    parameters: int

    @property
    def chance(self) -> float:
        """k / P, the share of a random direction."""
        return len(self.values) / self.parameters

    def share(self, direction: Mapping[str, Tensor]) -> float:
        """|V^T g|^2 / |g|^2 of a direction over all parameters: Gur-Ari's fraction, in [0, 1].

        Raises:
            MeasureError: names or shapes are not the parameters', or the direction is zero or not finite.
        """
        inside = torch.zeros(len(self.values), dtype=torch.float64)
        total = 0.0
        if direction.keys() != self.vectors.keys():
            name = min(direction.keys() ^ self.vectors.keys())
            raise MeasureError(f"{name} is on one side only: a share is of a direction over the same parameters.")
        for name, v in self.vectors.items():
            d = direction[name]
            if d is None or d.shape != v.shape[1:]:
                raise MeasureError(
                    f"the direction's {name} is no tensor of shape {tuple(v.shape[1:])}: give one per parameter."
                )
            d = d.detach().double().to(v.device)
            inside = inside.to(v.device) + v.flatten(1) @ d.flatten()
            total += d.square().sum().item()
        if not isfinite(total) or total == 0.0:
            raise MeasureError("the direction is zero or not finite: its share in the Hessian's top space is undefined.")
        return inside.square().sum().item() / total

    def overlap(self, other: HessianTop) -> float:
        """|V^T V'|_F^2 / k of two top spaces of one k, over steps or seeds; chance k / P.

        Raises:
            MeasureError: other parameters, or another k.
        """
        if len(self.values) != len(other.values):
            raise MeasureError(f"top spaces of {len(self.values)} and {len(other.values)} directions: compare equal k.")
        if self.vectors.keys() != other.vectors.keys():
            raise MeasureError("two top spaces of other parameters share no coordinates: take them over the same names.")
        inner = sum(v.flatten(1) @ other.vectors[name].flatten(1).T for name, v in self.vectors.items())
        return inner.square().sum().item() / len(self.values)


def hessian_top(
    loss: Loss,
    parameters: Mapping[str, Tensor],
    k: int,
    *,
    which: Which = "algebraic",
    seed: int = 0,
    block: int = 2,
    tolerance: float = 1e-4,
    max_products: int | None = None,
) -> HessianTop:
    """The k leading eigenpairs.

    Args:
        loss: gives the scalar loss from the parameters' present values.
        parameters: name -> tensor that requires a gradient; the Hessian is that of these alone.
        k: in 1..P.
        which: "algebraic" or "magnitude".
        seed: of the start.
        block: columns of a block; eigenvalues repeated more often are found by the confirmation alone.
        tolerance: largest residual, relative to the largest |theta|.
        max_products: products to take at most; 200 + 40 k if None.

    Raises:
        MeasureError: an option out of range, a loss that does not depend on the parameters, a product that is not finite, or
            residuals that stay above the tolerance.
    """
    if which not in ("algebraic", "magnitude"):
        raise MeasureError(f"unknown end {which!r} of the spectrum: use 'algebraic' or 'magnitude'.")
    apply = hessian_product(loss, parameters)
    size = sum(p.numel() for p in parameters.values())
    if not 1 <= k <= size or block < 1:
        raise MeasureError(
            f"k = {k} eigenvectors in blocks of {block} of {size} parameters: choose k between 1 and {size}, block 1 or more."
        )
    found = lanczos(apply, size, k, which, seed, min(block, size), tolerance, max_products or 200 + 40 * k)
    vectors, at = {}, 0
    for name, p in parameters.items():
        vectors[name] = found.vectors[at : at + p.numel()].T.reshape(k, *p.shape)
        at += p.numel()
    return HessianTop(found.values, vectors, found.residuals, found.gap, found.products, size)


def hessian_product(loss: Loss, parameters: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
    """From (P, b) fp64 to H times it, all columns on one graph of the gradient.

    Raises:
        MeasureError: the loss does not depend on the parameters.
    """
    tensors = list(parameters.values())
    if not tensors:
        raise MeasureError("a Hessian is over parameters: none was given.")
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused attention kernels have no second derivative
        value = loss()
        if not value.requires_grad:
            raise MeasureError("the loss does not depend on the parameters: curvature needs a loss with a graph.")
        gradient = torch.autograd.grad(value, tensors, create_graph=True, materialize_grads=True)

    def product(column: Tensor) -> Tensor:
        parts = [part.view_as(p).to(p) for part, p in zip(column.split([p.numel() for p in tensors]), tensors, strict=True)]
        with torch.enable_grad():
            along = sum((g * v).sum() for g, v in zip(gradient, parts, strict=True))
        if not along.requires_grad:  # a loss linear in them
            return torch.zeros_like(column)
        second = torch.autograd.grad(along, tensors, retain_graph=True, materialize_grads=True)
        flat = torch.cat([h.detach().double().flatten() for h in second])
        if not flat.isfinite().all():
            raise MeasureError(
                "a Hessian-vector product is not finite: the run diverged, or the loss has no second derivative here."
            )
        return flat

    return lambda columns: torch.stack([product(column) for column in columns.T.contiguous()], 1)


class Eigenpairs(NamedTuple):
    """values (k,), vectors (P, k), residuals (k,), gap, products; as in HessianTop."""

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    gap: float | None
    products: int


def lanczos(
    apply: Callable[[Tensor], Tensor], size: int, k: int, which: Which, seed: int, block: int, tolerance: float, limit: int
) -> Eigenpairs:
    """The k leading eigenpairs of a symmetric operator on R^size, applied to (size, b)."""
    generator = torch.Generator().manual_seed(seed)
    basis = image = torch.zeros(size, 0, dtype=torch.float64)
    fresh = torch.randn(size, block, generator=generator, dtype=torch.float64)
    confirmed = -1  # steps since a fresh block was put in; -1 before
    scale = 0.0
    while True:
        added = _orthonormal(basis, fresh, WEAK * scale, generator)
        moved = apply(added)
        basis, image = torch.cat([basis, added], 1), torch.cat([image, moved], 1)
        used = basis.shape[1]
        found = _ritz(basis, image, min(k, used), which)
        scale = found.scale
        settled = used >= k and bool((found.pairs.residuals <= tolerance * scale).all())
        if used == size or (settled and confirmed >= CONFIRM):
            return found.pairs
        if used >= limit:
            worst = (found.pairs.residuals.max() / max(scale, 1e-300)).item()
            raise MeasureError(
                f"the top {k} of a Hessian of {size} parameters did not settle: after {used} products a residual is "
                f"{worst:.1e} of the largest value, above {tolerance:g}; "
                "raise max_products or the tolerance, or ask for a k with a gap behind it."
            )
        confirmed = confirmed + 1 if confirmed >= 0 and settled else (0 if settled else -1)
        width = min(block, size - used)
        start = confirmed == 0
        fresh = torch.randn(size, width, generator=generator, dtype=torch.float64) if start else moved[:, :width]


class _Ritz(NamedTuple):
    pairs: Eigenpairs
    scale: float


def _ritz(basis: Tensor, image: Tensor, k: int, which: Which) -> _Ritz:
    inner = basis.T @ image
    theta, y = torch.linalg.eigh((inner + inner.T) / 2)
    order = (theta if which == "algebraic" else theta.abs()).argsort(descending=True)
    theta, y = theta[order], y[:, order]
    vectors, values = basis @ y[:, :k], theta[:k]
    residuals = torch.linalg.vector_norm(image @ y[:, :k] - vectors * values, dim=0)
    size = theta if which == "algebraic" else theta.abs()
    gap = (size[k - 1] - size[k]).item() if len(theta) > k else None
    return _Ritz(Eigenpairs(values, vectors, residuals, gap, basis.shape[1]), theta.abs().max().item())


def _orthonormal(before: Tensor, block: Tensor, weak: float, generator: torch.Generator) -> Tensor:
    """Columns of what a block adds to those before; random ones in the place of what adds nothing. Twice is enough (Kahan)."""
    block, r = torch.linalg.qr(block - before @ (before.T @ block))
    spent = r.diagonal().abs() <= weak
    if spent.any():
        block[:, spent] = torch.randn(len(block), int(spent.sum()), generator=generator, dtype=block.dtype)
        block = torch.linalg.qr(block - before @ (before.T @ block)).Q
    return torch.linalg.qr(block - before @ (before.T @ block)).Q
