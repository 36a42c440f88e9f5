"""Curvature of a loss along a direction of the weights, by a double backward pass.

    H v = d/dt grad L(W + t v) at 0,      curvature = v^T H v / |v|^2

Source: Pearlmutter 1994. arXiv 2511.08567 (Gate II) presumes that the principal directions of W0 are those of high curvature;
`subspace_direction` draws directions to measure it along: principal, complement, random.
Trap: minibatches differ more than directions do. A public replication saw an effect on 3 minibatches, and none of 31 cells beyond
two standard errors on 16. The replicates are returned, and their standard error counts minibatches, not matrices.
Trap: the curvature of a sum over matrices holds their cross terms; for one matrix, give a direction in that matrix alone. And it
is that of the loss given: cross-entropy on demonstrations is not the policy loss.
Accuracy: against an explicit Hessian 1e-12 in fp64; on the tiny model in fp32 3e-9 where the largest eigenvalue is 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.errors import MeasureError
from harness.spectra.frame import Frame, leading

Loss = Callable[[], Tensor]
SUBSPACES = ("principal", "complement", "random")


class Curvature(NamedTuple):
    """Curvature along one direction.

    Attributes:
        values: one number per minibatch.
        mean: of them.
        standard_error: of the mean; None for a single minibatch.
    """

    values: tuple[float, ...]
    mean: float
    standard_error: float | None


def hvp(loss: Loss, parameters: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """H v, by name.

    Args:
        loss: gives the scalar loss anew, from the parameters' present values.
        parameters: name -> tensor that requires a gradient; the Hessian is that of these alone.
        direction: name -> v, the parameter's shape; names left out are 0.

    Returns:
        One tensor per parameter, in its dtype.

    Raises:
        MeasureError: a name or a shape is not a parameter's, or the loss does not depend on the parameters.
    """
    return _products(loss, parameters, [direction])[0]


def directional_curvature(
    losses: Sequence[Loss], parameters: Mapping[str, Tensor], directions: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Curvature]:
    """Curvature along each direction, on each minibatch; all directions share one backward pass a minibatch.

    Args:
        losses: one per minibatch.
        parameters: as in `hvp`.
        directions: label -> direction, as in `hvp`; `Change.update` is one.

    Raises:
        MeasureError: no minibatch, a direction that is zero, or as `hvp`.
    """
    if not losses:
        raise MeasureError("curvature needs at least one minibatch: pass their losses.")
    squares = {label: _dot(direction, direction) for label, direction in directions.items()}
    for label, square in squares.items():
        if square == 0.0:
            raise MeasureError(f"the direction {label!r} is zero: it has no curvature; leave it out.")
    found: dict[str, list[float]] = {label: [] for label in directions}
    for loss in losses:
        products = _products(loss, parameters, list(directions.values()))
        for (label, direction), product in zip(directions.items(), products, strict=True):
            found[label].append(_dot(direction, product) / squares[label])
    return {label: summarise(values) for label, values in found.items()}


def summarise(values: Sequence[float]) -> Curvature:
    """Mean and standard error over minibatches."""
    column = torch.tensor(values, dtype=torch.float64)
    error = (column.std() / sqrt(len(values))).item() if len(values) > 1 else None
    return Curvature(tuple(values), column.mean().item(), error)


def subspace_direction(
    base: Mapping[str, Tensor], which: str, generator: torch.Generator, k: int | None = None, fraction: float = 1 / 8
) -> dict[str, Tensor]:
    """A Gaussian direction in a subspace of every matrix, fp64, of norm 1 in each.

        principal U_k Z V_k^T      complement (I - U_k U_k^T) Z (I - V_k V_k^T)      random Z

    Args:
        base: name -> (m, n).
        which: one of SUBSPACES.
        generator: CPU generator; matrices are drawn by sorted name.
        k: leading directions; if None, `fraction` of min(m, n), as in the measures.
        fraction: in (0, 1].

    Raises:
        MeasureError: an unknown subspace, or one without a direction (the complement at full k).
    """
    if which not in SUBSPACES:
        raise MeasureError(f"unknown subspace {which!r}: use one of {', '.join(SUBSPACES)}.")
    drawn = {}
    for name in sorted(base):
        w0 = base[name].detach()
        noise = torch.randn(w0.shape, generator=generator).double().to(w0.device)
        size = leading(min(w0.shape), k, fraction)
        if which == "complement" and size == min(w0.shape):
            raise MeasureError(f"{name} has no direction outside its {size} leading ones: choose a smaller k.")
        kept = noise if which == "random" else _projected(noise, Frame.of(w0), size, which)
        drawn[name] = kept / torch.linalg.vector_norm(kept)
    return {name: drawn[name] for name in base}


def _projected(noise: Tensor, frame: Frame, k: int, which: str) -> Tensor:
    u, v = frame.U[:, :k], frame.V[:, :k]
    if which == "principal":
        return u @ (u.T @ noise @ v) @ v.T
    noise = noise - u @ (u.T @ noise)
    return noise - (noise @ v) @ v.T


def _products(loss: Loss, parameters: Mapping[str, Tensor], directions: list[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    for direction in directions:
        for name, v in direction.items():
            if name not in parameters or parameters[name].shape != v.shape:
                raise MeasureError(
                    f"the direction's {name} is no parameter of shape {tuple(v.shape)}: give both by the same names."
                )
    tensors = list(parameters.values())
    # the fused attention kernels have no second derivative
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        value = loss()
        if not value.requires_grad:
            raise MeasureError("the loss does not depend on the parameters: curvature needs a loss with a graph.")
        gradient = torch.autograd.grad(value, tensors, create_graph=True, materialize_grads=True)
        return [_second(gradient, parameters, direction) for direction in directions]


def _second(gradient: Sequence[Tensor], parameters: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> dict[str, Tensor]:
    pairs = [(g, direction[name].to(g)) for name, g in zip(parameters, gradient, strict=True) if name in direction]
    along = sum((g * v).sum() for g, v in pairs)
    tensors = list(parameters.values())
    if not isinstance(along, Tensor) or not along.requires_grad:  # the gradient is constant: a loss linear in them
        return {name: torch.zeros_like(p) for name, p in parameters.items()}
    second = torch.autograd.grad(along, tensors, retain_graph=True, materialize_grads=True)
    return {name: h.detach() for name, h in zip(parameters, second, strict=True)}


def _dot(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> float:
    return sum((left[name].to(right[name].device).double() * right[name].double()).sum().item() for name in left)
