"""Averages on the sphere, of a whole tensor as one vector.

    SLERP     sin((1 - t) theta) / sin(theta) W_a + sin(t theta) / sin(theta) W_b,   theta the angle between them
    Karcher   u_i = W_i / |W_i|;   m <- exp_m( (1/K) sum theta_i / sin(theta_i) (u_i - cos(theta_i) m) )
              result (1/K) sum |W_i| x m
    Stock     t mean(W_i) + (1 - t) W0,   t = K c / (1 + (K - 1) c),   c = mean cosine between the tau_i

All three are combinations of the inputs whose coefficients follow from K x K inner products, which are summed in fp64.

Source: mergekit (slerp, karcher, model_stock); Model Stock arXiv 2403.19522.
Trap: fine-tuned experts are 1e-3 rad apart, and there arccos of a cosine is rounding. Angles are taken from the chord |u_i -
m|, whose square is summed over differences. mergekit stops Karcher at steps below 1e-5 and takes SLERP as linear above a cosine
of .9995.
Trap: Karcher and SLERP take no notice of the base (mergekit's Karcher merges one in if it is named).
"""

from collections.abc import Sequence
from math import atan2, cos, sin, sqrt

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.merging.algebra import combined, gram, stacked
from harness.merging.rule import NOTHING, Given

ANTIPODAL = 1e-8


def slerp(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, t: float = 0.5) -> Tensor:
    """From the first expert (t = 0) to the second; from the base to the expert where there is one only, as mergekit has it.

    Straight where a tensor is zero or the two are antipodal.
    """
    return combined(given.prepared or slerp_weights(w0, experts, t=t), [w0, *experts])


def slerp_weights(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, t: float = 0.5) -> list[float]:
    """Coefficients of the base and the experts."""
    ends = [w0, *experts] if len(experts) == 1 else list(experts)
    norms = _norms(ends)
    weights = [1.0 - t, t]
    if min(norms) > 0.0:
        theta = _angle(sqrt(_unit_gram(ends, norms)[1, 1].item()))
        if theta > 0.0 and not sin(theta) < ANTIPODAL < theta:
            weights = [sin((1 - t) * theta) / sin(theta), sin(t * theta) / sin(theta)]
    return weights if len(experts) == 1 else [0.0, *weights]


def karcher(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, iterations: int = 100, tolerance: float = 1e-12
) -> Tensor:
    """The Frechet mean of the directions, times the mean norm.

    Args:
        iterations, tolerance: it ends after as many steps, or at a step shorter than this (rad).

    Raises:
        MeasureError: the directions sum to nothing, so that they have no mean.
    """
    return combined(given.prepared or karcher_weights(w0, experts, iterations=iterations, tolerance=tolerance), experts)


def karcher_weights(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, iterations: int = 100, tolerance: float = 1e-12
) -> list[float]:
    """Coefficients of the experts; 0 of those that are zero."""
    norms = _norms(experts)
    there = [at for at, norm in enumerate(norms) if norm > 0.0]
    weights = [0.0] * len(experts)
    if there:
        found = _frechet(_unit_gram([experts[at] for at in there], [norms[at] for at in there]), iterations, tolerance)
        for at, weight in zip(there, found, strict=True):
            weights[at] = sum(norms) / len(experts) * weight / norms[at]
    return weights


def model_stock(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING) -> Tensor:
    """Between the base and the mean; at the base where 1 + (K - 1) c is 0 (opposite experts).

    Trap: with c < 0 the formula goes to the other side of the base; it is not cut.
    """
    return combined(given.prepared or stock_weights(w0, experts), [w0, *experts])


def stock_weights(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING) -> list[float]:
    """Coefficients of the base and the experts."""
    count = len(experts)
    inner = gram(count, w0.numel(), stacked(list(experts), minus=w0)).cpu()
    norms = inner.diagonal().sqrt()
    cosines = (inner / (norms[:, None] * norms)).nan_to_num(nan=0.0).clamp(-1.0, 1.0)
    mean = (cosines.sum() - cosines.diagonal().sum()).item() / (count * (count - 1))
    below = 1.0 + (count - 1) * mean
    t = 0.0 if abs(below) < 1e-6 else count * mean / below
    return [1.0 - t, *([t / count] * count)]


def _norms(tensors: Sequence[Tensor]) -> list[float]:
    return [torch.linalg.vector_norm(each, dtype=torch.float64).item() for each in tensors]


def _angle(chord: float) -> float:
    """Between unit vectors this far apart."""
    return 2.0 * atan2(chord, sqrt(max(0.0, 4.0 - chord * chord)))


def _unit_gram(tensors: Sequence[Tensor], norms: Sequence[float]) -> Tensor:
    """Inner products of u_1, u_2 - u_1, u_3 - u_1, ...: (K, K) fp64, exact to rounding however close the u_i are."""
    rows, scale = stacked(tensors), torch.tensor(norms, dtype=torch.float64)[:, None]

    def differences(start: int, stop: int) -> Tensor:
        units = rows(start, stop) / scale.to(tensors[0].device)
        units[1:] -= units[0].clone()
        return units

    found = gram(len(tensors), tensors[0].numel(), differences).cpu()
    found[0, 0] = 1.0
    found[0, 1:] = found[1:, 0] = -found.diagonal()[1:] / 2  # both are unit vectors
    return found


def _frechet(products: Tensor, iterations: int, tolerance: float) -> list[float]:
    """c with m = sum c_i u_i. In the basis (u_1, differences) a vector sum c_i u_i is (sum c, c_2, c_3, ...)."""
    count = len(products)

    def length(c: Tensor) -> float:
        in_basis = torch.cat([c.sum().reshape(1), c[1:]])
        return sqrt(max(0.0, (in_basis @ products @ in_basis).item()))

    c = torch.full((count,), 1.0 / count, dtype=torch.float64)
    if length(c) < ANTIPODAL:
        raise MeasureError("karcher: the experts' directions sum to zero, so they have no mean on the sphere.")
    c /= length(c)
    for _ in range(iterations):
        tangent = torch.zeros_like(c)
        for i in range(count):
            unit = torch.zeros_like(c)
            unit[i] = 1.0
            theta = _angle(min(2.0, length(unit - c)))
            # u - cos(theta) m = (u - m) + (1 - cos(theta)) m keeps its digits at small angles
            if sin(theta) < ANTIPODAL < theta:
                continue  # every direction leads there
            tangent += (theta / sin(theta) if theta > 0.0 else 1.0) * ((unit - c) + 2.0 * sin(theta / 2) ** 2 * c) / count
        step = length(tangent)
        if step <= tolerance:
            break
        c = cos(step) * c + (sin(step) / step) * tangent
        c /= length(c)
    return c.tolist()
