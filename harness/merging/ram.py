"""RAM: what one expert alone changed is kept whole, what several changed is averaged.

    n = number of experts with |tau_i| > eps, by coordinate
    n = 1: tau_i x lambda_i      n > 1: mean of those tau_i      n = 0: nothing
    RAM   lambda_i = 1           RAM+  lambda_i = 1 + r clip(rho_i, 0, alpha),  rho_i = shared / unique coordinates of expert i

Source: arXiv 2601.13572, as in mergekit ("ram", "ramplus_tl": rho of each tensor), whose defaults these are.
Trap: eps is absolute. Weights 100 times smaller have no changed coordinates left, so RAM is not equivariant under W -> c W.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.merging.rule import NOTHING, Given


def ram(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, eps: float = 1e-5) -> Tensor:
    """Unique changes whole, shared ones averaged."""
    return _merged(w0, experts, eps, [1.0] * len(experts))


def ram_plus(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, eps: float = 1e-5, r: float = 0.1, alpha: float = 0.2
) -> Tensor:
    """The same with unique changes of experts that share much made longer, by 1 + r alpha at most."""
    return _merged(w0, experts, eps, given.prepared or lengths(w0, experts, given, eps=eps, r=r, alpha=alpha))


def lengths(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, eps: float = 1e-5, r: float = 0.1, alpha: float = 0.2
) -> tuple[float, ...]:
    """lambda_i of each expert in this tensor."""
    count = _count(w0, experts, eps)
    factors = []
    for expert in experts:
        changed = (expert - w0).abs_() > eps
        unique = int((changed & (count == 1)).sum())
        shared = int(changed.sum()) - unique
        factors.append(1.0 + r * min(shared / unique if unique else float("inf"), alpha))
    return tuple(factors)


def _count(w0: Tensor, experts: Sequence[Tensor], eps: float) -> Tensor:
    count = torch.zeros(w0.shape, dtype=torch.uint8, device=w0.device)
    for expert in experts:
        count += (expert - w0).abs_() > eps
    return count


def _merged(w0: Tensor, experts: Sequence[Tensor], eps: float, factors: Sequence[float]) -> Tensor:
    count = _count(w0, experts, eps)
    is_unique, shared = count == 1, count.clamp(min=1).to(w0.dtype)
    merged = torch.zeros_like(w0)
    for expert, factor in zip(experts, factors, strict=True):
        tau = expert - w0
        merged += torch.where(tau.abs() > eps, torch.where(is_unique, tau * factor, tau / shared), 0.0)
    return merged.add_(w0)
