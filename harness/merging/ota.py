"""OTA: a mean weighted by Adam's second moments, and FFG: only the entries whose move costs most by them.

    OTA   W0 + sum_i (v_i^p + eps) m_i tau_i / sum_i (v_i^p + eps) m_i,   v_i Adam's exp_avg_sq, p = .5
    FFG   m_i = 1 where v_i tau_i^2 reaches the threshold of expert i, set by a density over the model (.2 to .4 in the paper)
    rank 1    v ~ (row sums) (column sums)^T / total, for matrices: m + n numbers in place of m n

Entries masked in every expert stay at the base.

Source: arXiv 2509.11167. Implemented from its equations.
Trap: v_i^p carries the scale of expert i's loss and its batch size: of experts trained on other losses one may outweigh the
others everywhere. eps is 1e-26 as in the paper's configurations (its code's default is 1e-8, which hides v^.5 below 1e-16).
Trap: reviews of the paper find that FFG carries its gain, not the weighting. `mask=none` is OTA alone.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from harness.merging.averages import mean
from harness.merging.rule import Given, Tensors, Walk
from harness.merging.threshold import kept, model_thresholds, threshold_of


def ota(
    w0: Tensor, experts: Sequence[Tensor], given: Given, *, power: float = 0.5, eps: float = 1e-26, mask: float | None = None,
    scope: str = "model", rank_one: bool = False, fallback: str = "base",
) -> Tensor:  # fmt: skip
    """The merged tensor, of any shape.

    Args:
        given: extras are v_i >= 0; `prepared` holds FFG's thresholds.
        power: p.
        eps: added to v^p.
        mask: density of FFG; None keeps every entry.
        scope: of its threshold, "model" or "tensor"; where nothing is prepared, this tensor is the model.
        rank_one: v of matrices is replaced by its rank-1 form.
        fallback: what entries get that every mask leaves out: "base", or "mean" of the experts.
    """
    numerator, total = torch.zeros_like(w0), torch.zeros_like(w0)
    thresholds = given.prepared or tensor_grafting(w0, experts, given, mask=mask, rank_one=rank_one)
    for at, (expert, moment) in enumerate(zip(experts, given.extras, strict=True)):
        moment = compressed(moment) if rank_one else moment
        tau = expert - w0
        weight = moment.pow(power).add_(eps)
        if thresholds:
            weight *= kept(score(moment, tau), thresholds[at])
        numerator.addcmul_(weight, tau)
        total += weight
    untouched = total == 0.0
    merged = torch.where(untouched, 0.0, numerator / total).add_(w0)
    return torch.where(untouched, mean(w0, experts), merged) if fallback == "mean" else merged


def grafting(
    walk: Walk, *, mask: float | None = None, scope: str = "model", rank_one: bool = False
) -> tuple[float, ...] | None:
    """FFG's threshold of each expert over the whole model; None where no such is asked for."""
    if mask is None or mask >= 1.0 or scope == "tensor":
        return None

    def scores(found: Tensors) -> Iterator[Tensor]:
        for expert, v in zip(found.experts, found.extras, strict=True):
            yield score(compressed(v) if rank_one else v, expert - found.base)

    return model_thresholds(lambda: (scores(found) for found in walk()), mask)


def tensor_grafting(
    w0: Tensor, experts: Sequence[Tensor], given: Given, *, mask: float | None = None, rank_one: bool = False
) -> tuple[float, ...]:
    """The same in one tensor."""
    if mask is None or mask >= 1.0:
        return ()
    pairs = zip(experts, given.extras, strict=True)
    return tuple(threshold_of(score(compressed(v) if rank_one else v, expert - w0), mask) for expert, v in pairs)


def score(moment: Tensor, tau: Tensor) -> Tensor:
    """v tau^2 in fp64, where 1e-30 is no underflow."""
    return tau.double().square().mul_(moment)


def compressed(moment: Tensor) -> Tensor:
    """(row sums) (column sums)^T / total of a matrix (AdaFactor's form); of other tensors themselves."""
    if moment.ndim != 2:
        return moment
    rows, columns = moment.sum(1), moment.sum(0)
    total = rows.sum()
    return torch.outer(rows, columns / total) if total > 0.0 else moment
