"""Task vectors made sparse before they are added.

    TIES   keep the largest |tau_i| (share `density`), elect the sign of their sum, mean of those that agree, x lam
    DARE   drop every entry with probability p, divide the rest by 1 - p, then add (x lam), or elect and average as TIES does

Source: arXiv 2306.01708 (TIES), 2311.03099 (DARE).
Trap: TIES' own code trims over all parameters together (scope "model"), mergekit each tensor by itself (scope "tensor", the
default).
Trap: where the sum is exactly 0 no sign is elected and nothing is added. The paper's code takes the majority of the tensor
there, mergekit plus, so that opposite experts come out as W0 + |tau|.
Trap: updates of bf16 weights lie on a grid, and 13-16 % of their entries exactly at the threshold (64 x
96, relative size 1e-2). All are kept here, so that .27-.29 survive at density .2; mergekit fills the count in any order.
Trap: mergekit 0.1.5 rescales DARE's rest to the l1 norm that the update had, not by 1 / (1 - p).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.merging.algebra import CHUNK
from harness.merging.rule import NOTHING, Given, Walk
from harness.merging.threshold import kept, model_thresholds, threshold_of


def ties(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *,
    density: float = 0.2, lam: float = 1.0, scope: str = "tensor",
) -> Tensor:  # fmt: skip
    """W0 + lam x mean of the agreeing kept entries.

    Args:
        given: `prepared` holds the thresholds.
        density: share of the entries of each tau_i that are kept.
        lam: factor.
        scope: of the trimming, "tensor" or "model"; where nothing is prepared, this tensor is the model.
    """
    thresholds = given.prepared or tensor_trimming(w0, experts, given, density=density)
    return elected(_deltas(w0, experts), thresholds).mul_(lam).add_(w0)


def tensor_trimming(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, density: float = 0.2
) -> tuple[float, ...]:
    """The threshold of each expert in this tensor."""
    return tuple(threshold_of((expert - w0).abs_(), density) for expert in experts)


def trimming(walk: Walk, *, density: float = 0.2, scope: str = "tensor") -> tuple[float, ...] | None:
    """The threshold of each expert over the whole model; None where each tensor has its own."""
    if scope == "tensor" or density >= 1.0:
        return None
    return model_thresholds(lambda: (((w - each.base).abs_() for w in each.experts) for each in walk()), density)


def dare(
    w0: Tensor, experts: Sequence[Tensor], given: Given, *, drop: float = 0.5, lam: float = 1.0, combine: str = "sum"
) -> Tensor:
    """W0 + lam x what is left of the task vectors, added or elected.

    Args:
        given: `generator` draws the masks, one expert after the other.
        drop: p.
        lam: factor.
        combine: "sum" or "ties".
    """
    deltas = [dropped(delta, drop, given.generator) for delta in _deltas(w0, experts)]
    merged = elected(deltas) if combine == "ties" else torch.stack(deltas).sum(0)
    return merged.mul_(lam).add_(w0)


def dropped(delta: Tensor, drop: float, generator: torch.Generator | None) -> Tensor:
    """Entries kept with probability 1 - p and divided by it; the same expectation."""
    mask = torch.rand(delta.shape, generator=generator) >= drop
    return torch.where(mask.to(delta.device), delta / (1.0 - drop), 0.0)


def trimmed_mean(deltas: Sequence[Tensor], density: float) -> Tensor:
    """TIES of task vectors that are there whole: trimmed, elected and averaged, in chunks."""
    thresholds = [threshold_of(delta.abs(), density) for delta in deltas]
    merged = torch.empty(deltas[0].numel(), dtype=deltas[0].dtype, device=deltas[0].device)
    flat = [delta.reshape(-1) for delta in deltas]
    for start in range(0, len(merged), CHUNK):
        part = slice(start, start + CHUNK)
        merged[part] = elected([each[part] for each in flat], thresholds)
    return merged.reshape(deltas[0].shape)


def elected(deltas: Sequence[Tensor], thresholds: Sequence[float] | None = None) -> Tensor:
    """Mean of the kept entries whose sign is that of their sum; 0 where none is elected.

    Args:
        deltas: task vectors of one shape; not written to.
        thresholds: smallest |tau_i| that is kept, of each; None keeps all.
    """
    parts = deltas
    if thresholds:
        parts = [torch.where(kept(d.abs(), least), d, 0.0) for d, least in zip(deltas, thresholds, strict=True)]
    total = torch.zeros_like(parts[0])
    for part in parts:
        total += part
    sign = total.sign_()
    merged, count = torch.zeros_like(sign), torch.zeros_like(sign)
    for part in parts:
        along = part * sign
        count += along > 0.0
        merged += along.clamp_(min=0.0)
    return merged.mul_(sign).div_(count.clamp_(min=1.0))


def _deltas(w0: Tensor, experts: Sequence[Tensor]) -> list[Tensor]:
    return [expert - w0 for expert in experts]
