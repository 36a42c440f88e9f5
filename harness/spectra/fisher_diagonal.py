"""The diagonal of the Fisher matrix, the true and the empirical one named apart, and what Adam keeps in their place.

    true        E_x E_(y ~ model) (d log p(y | x) / dw)^2          curvature of the KL; equals the Gauss-Newton diagonal
    empirical   E_(x, y in data)  (d loss(x, y)   / dw)^2          labels of the data; vanishes where the data are fitted
    batch       (mean over the batch of d loss / dw)^2             Adam's v, averaged over steps

Source: Kunstner, Hennig & Balles 2019 (limits of the empirical Fisher); sheet on low-rank gradients, section 4.
Trap: Adam's v / (1 - b2^t) is an average of the last, not of the empirical: the square of the mean holds the mean squared plus
noise / B, a B-th of the empirical Fisher where the mean is zero.
Trap: the two Fishers differ by orders of magnitude away from a well-specified optimum; a bound on the KL needs the true one.
Cost: a backward pass per example (empirical), per example and class (true, exact) or per example and draw (true, sampled).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.curvature import Loss

PerExample = Callable[[], Tensor]


def empirical_fisher_diagonal(losses: PerExample, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Mean over examples of the squared gradient of each one's loss.

    Args:
        losses: gives (N,) negative log-likelihoods with the data's labels, one per example.
        parameters: name -> tensor that requires a gradient.

    Returns:
        name -> fp64, the parameter's shape.

    Raises:
        MeasureError: losses of another shape than (N,), independent of the parameters, or a gradient that is not finite.
    """
    values = _differentiable(losses, 1, "(N,) losses, one per example")
    ones = torch.ones(len(values), dtype=torch.float64)
    return _squares(list(values), ones / len(values), parameters)


def true_fisher_diagonal(
    log_probabilities: PerExample,
    parameters: Mapping[str, Tensor],
    generator: torch.Generator | None = None,
    draws: int = 1,
) -> dict[str, Tensor]:
    """Mean over examples of the squared score, over the model's own labels: exact, or by drawn ones.

    Args:
        log_probabilities: gives (N, C) log-probabilities of every class, or logits, one row per example.
        parameters: as in `empirical_fisher_diagonal`.
        generator: CPU generator; None sums over all classes by their probability, exactly.
        draws: labels drawn per example.

    Raises:
        MeasureError: as `empirical_fisher_diagonal`, for (N, C); fewer than one draw.
    """
    values = _differentiable(log_probabilities, 2, "(N, C) log-probabilities, a row per example")
    with torch.enable_grad():
        values = values.log_softmax(1)
    p = values.detach().double().exp().cpu()
    if generator is None:
        weights = p
    else:
        if draws < 1:
            raise MeasureError(f"{draws} labels per example are none: draw one or more.")
        drawn = torch.multinomial(p, draws, replacement=True, generator=generator)
        weights = torch.zeros_like(p).scatter_add_(1, drawn, torch.full_like(drawn, 1.0, dtype=torch.float64)) / draws
    picked = weights.nonzero()
    terms = [values[i, y] for i, y in picked.tolist()]
    return _squares(terms, weights[tuple(picked.T)] / len(values), parameters)


def squared_batch_gradient(loss: Loss, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The square of the batch's mean gradient: one term of Adam's v, no Fisher.

    Args:
        loss: gives the scalar mean loss of the batch.

    Raises:
        MeasureError: as `empirical_fisher_diagonal`, for a scalar.
    """
    value = _differentiable(loss, 0, "one scalar, the mean loss of the batch")
    return _squares([value], torch.ones(1, dtype=torch.float64), parameters)


def _differentiable(function: PerExample, ndim: int, what: str) -> Tensor:
    with torch.enable_grad():
        values = function()
    if values.ndim != ndim or values.numel() == 0:
        raise MeasureError(f"a tensor of shape {tuple(values.shape)} was given: this Fisher diagonal is taken of {what}.")
    if not values.requires_grad:
        raise MeasureError("the losses do not depend on the parameters: a Fisher matrix needs losses with a graph.")
    return values


def _squares(terms: list[Tensor], weights: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sum of weight x squared gradient of each scalar, by name."""
    if not parameters:
        raise MeasureError("a Fisher matrix is over parameters: none was given.")
    tensors = list(parameters.values())
    total = [torch.zeros(p.shape, dtype=torch.float64, device=p.device) for p in tensors]
    for term, weight in zip(terms, weights.tolist(), strict=True):
        for out, g in zip(total, torch.autograd.grad(term, tensors, retain_graph=True, materialize_grads=True), strict=True):
            out += weight * g.double().square()
    for name, out in zip(parameters, total, strict=True):
        if not out.isfinite().all():
            raise MeasureError(f"a gradient of {name} is not finite: its Fisher diagonal is undefined.")
    return dict(zip(parameters, total, strict=True))
