"""Kronecker factors of a linear layer's curvature, by hooks, and the geometry that they predict for its gradient.

    y = W a,  g = dloss/dy of one example:    A = E[a a^T] (n, n),   G = E[g g^T] (m, m)
    block of W, rows first:  E[(g a^T) (g a^T)^T] = E[g g^T (x) a a^T]  ~  G (x) A

E is the mean over rows (examples, or tokens each taken as one example: the "expand" setting). The equality is exact where g
g^T and a a^T are uncorrelated: linear regression with labels from the model (then G = I for half squared errors, and it is
the Hessian). Which Fisher depends on the losses: labels of the data give the *empirical* one, labels drawn from the model the
*true* one.
Source: Martens & Grosse 2015 (KFAC); Eschenhagen et al. 2023 (expand); WeLore 2407.11239, gradient and curvature.
Measured on a tiny language model (28 matrices, 2 seeds; sheet on low-rank gradients, E8): Spearman of the gradient's entropy
rank with `factor_rank` .65 - .87 pooled, but -.06 - .99 within one shape: shapes drive the pooled figure, stratify. Overlap
of the gradient's top 8 directions with those of A and G .60 - .78, chance 8/64 and 8/192.
Trap: losses must be one per example and not their mean: with 1 / N in them G is N^2 too small.
Trap: padding counts as rows with g = 0 but a full a. Leave it out of the batch.
Trap: a bias is no part of W; its block is G itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.errors import MeasureError
from harness.spectra.effective_rank import entropy_rank_of
from harness.spectra.named_matrices import checked, each, per_matrix
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.subspace_overlap import leading_directions

Losses = Callable[[], Tensor]


class KroneckerFactors(NamedTuple):
    """Of one layer W (m, n): A (n, n) of its inputs, G (m, m) of its outputs' gradients, fp64; both are means over `rows`."""

    A: Tensor
    G: Tensor
    rows: int

    def block(self) -> Tensor:
        """G (x) A, (mn, mn), of W flattened row by row. For small layers."""
        return torch.kron(self.G, self.A)

    def quadratic(self, direction: Tensor) -> float:
        """vec(D)^T (G (x) A) vec(D) = tr(D^T G D A) of a direction (m, n)."""
        d = direction.detach().double()
        return (d * (self.G @ d @ self.A)).sum().item()

    def values(self, k: int) -> Tensor:
        """The k largest eigenvalues g_i a_j of the block, (k,)."""
        products = torch.outer(torch.linalg.eigvalsh(self.G), torch.linalg.eigvalsh(self.A)).flatten()
        if not 1 <= k <= len(products):
            raise MeasureError(f"k = {k} eigenvalues of a block of {len(products)}: choose k between 1 and {len(products)}.")
        return products.topk(k).values


class Alignment(NamedTuple):
    """Overlap of a gradient's k leading directions with those of its layer's factors, and chance, per matrix."""

    left: PerMatrix
    right: PerMatrix
    left_chance: PerMatrix
    right_chance: PerMatrix


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """The model's linear layers by their module's name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def kfac_factors(layers: Mapping[str, nn.Module], batches: Sequence[Losses] | Losses) -> dict[str, KroneckerFactors]:
    """Both factors of every layer.

    Args:
        layers: name -> layer with `weight` (m, n) and one input tensor; the names are yours (the gradients').
        batches: each runs the model once and gives its losses, one per example or token, any shape, with a graph.

    Returns:
        name -> KroneckerFactors. The model's gradients stay as they are.

    Raises:
        MeasureError: no layer or batch; a scalar loss; a layer that did not run, that no gradient reaches, or whose rows are
            not finite.
    """
    batches = [batches] if callable(batches) else list(batches)
    if not layers or not batches:
        raise MeasureError("Kronecker factors need at least one linear layer and one batch.")
    sums: dict[str, list] = {}
    for losses in batches:
        for name, (a, g) in _rows(layers, losses):
            add = sums.setdefault(name, [0.0, 0.0, 0])
            add[0], add[1], add[2] = add[0] + a.T @ a, add[1] + g.T @ g, add[2] + len(a)
    for name, (a, g, _) in sums.items():
        if not (a.isfinite().all() and g.isfinite().all()):
            raise MeasureError(f"the inputs or gradients of {name} are not finite: its factors are undefined.")
    return {
        name: KroneckerFactors(sums[name][0] / sums[name][2], sums[name][1] / sums[name][2], sums[name][2]) for name in layers
    }


def factor_rank(factors: Mapping[str, KroneckerFactors]) -> PerMatrix:
    """sqrt(rank A . rank G), ranks as exp of the entropy of eigenvalue shares: what the factors predict for the gradient's.

    Raises:
        MeasureError: a factor is zero or not finite.
    """
    found = {}
    for name, each_ in factors.items():
        pair = [
            torch.linalg.eigvalsh(checked(f, name, "the rank of its factor", "factor")).clamp(min=0.0)
            for f in (each_.A, each_.G)
        ]
        found[name] = sqrt(entropy_rank_of(pair[0]) * entropy_rank_of(pair[1]))
    return PerMatrix(found, {name: len(f.A) * len(f.G) for name, f in factors.items()})


def kfac_alignment(gradients: Mapping[str, Tensor], factors: Mapping[str, KroneckerFactors], k: int) -> Alignment:
    """Do the gradient's leading directions lie along the factors'?  Left with G's eigenvectors, right with A's.

    Args:
        gradients: name -> (m, n).
        factors: the same names, from another batch: the gradient's own inputs and signals align by construction.
        k: in 1..min(m, n), at most the rank of gradient and factors.

    Raises:
        MeasureError: a gradient without factors of its shape, or k too large.
    """
    rows: dict[str, tuple[float, float, float, float]] = {}
    for name, g in each(gradients, "its alignment"):
        if name not in factors or (len(factors[name].G), len(factors[name].A)) != tuple(g.shape):
            raise MeasureError(f"{name} has no factors of its shape {tuple(g.shape)}: take them from the same layers.")
        pairs = (("left", factors[name].G), ("right", factors[name].A))
        overlaps = [
            _shared(leading_directions(g, k, side, name), leading_directions(f, k, "left", name, "factor")) for side, f in pairs
        ]
        rows[name] = (*overlaps, k / g.shape[0], k / g.shape[1])
    return Alignment(
        *(per_matrix(gradients, dict(zip(rows, column, strict=True))) for column in zip(*rows.values(), strict=True))
    )


def _shared(a: Tensor, b: Tensor) -> float:
    return (a.T @ b).square().sum().item() / a.shape[1]


def _rows(layers: Mapping[str, nn.Module], losses: Losses) -> Iterable[tuple[str, tuple[Tensor, Tensor]]]:
    """(name, (inputs (rows, n), output gradients (rows, m))), fp64, once per call of the layer."""
    calls: list[tuple[str, Tensor, Tensor]] = []
    handles = [
        layer.register_forward_hook(lambda _, inputs, output, name=name: calls.append((name, inputs[0].detach(), output)))
        for name, layer in layers.items()
    ]
    try:
        with torch.enable_grad():
            each_loss = losses()
    finally:
        for handle in handles:
            handle.remove()
    if each_loss.ndim == 0:
        raise MeasureError("Kronecker factors need one loss per example: give them without reduction, not their mean.")
    silent = next((name for name in layers if name not in {call[0] for call in calls}), None)
    if silent is not None:
        raise MeasureError(f"the layer {silent} did not run in this batch: leave it out, or give a batch that uses it.")
    frozen = next((name for name, _, output in calls if not output.requires_grad), None)
    if frozen is not None or not each_loss.requires_grad:
        raise MeasureError(f"no gradient reaches {frozen or 'the losses'}: let its weight require one.")
    signals = torch.autograd.grad(each_loss.sum(), [output for *_, output in calls], materialize_grads=True)
    for (name, a, _), g in zip(calls, signals, strict=True):
        yield name, (a.double().flatten(0, -2), g.double().flatten(0, -2))
