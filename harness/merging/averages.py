"""Weighted averages, entry by entry.

    mean               W0 + (1/K) sum (W_i - W0): an entry that no expert moved stays bit for bit
    task arithmetic    W0 + lam sum (W_i - W0)                    2212.04089
    Fisher             sum F_i W_i / sum F_i                      2111.09832; F_i(theta) = E_{y~p} (d log p(y) / d theta)^2
    copy               W0, for tensors that a rule leaves alone

Trap: the Fisher diagonal is over labels that the model draws. Squares of the training gradient (Adam's v) are another matrix;
they are what OTA takes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.merging.rule import NOTHING, Given


def mean(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING) -> Tensor:
    """(1/K) sum W_i; the base decides nothing but the rounding."""
    return task_arithmetic(w0, experts, lam=1.0 / len(experts))


def task_arithmetic(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, lam: float = 1.0) -> Tensor:
    """W0 + lam sum tau_i; lam is chosen on validation data, .3 in the paper's eight tasks."""
    total = torch.zeros_like(w0)
    for expert in experts:
        total += expert - w0
    return total.mul_(lam).add_(w0)


def fisher(w0: Tensor, experts: Sequence[Tensor], given: Given, *, floor: float = 0.0) -> Tensor:
    """sum F_i W_i / sum F_i.

    Args:
        given: extras are F_i >= 0, of the weights' shape.
        floor: smallest F that counts; where all are 0, the mean.
    """
    numerator, total = torch.zeros_like(w0), torch.zeros_like(w0)
    for expert, importance in zip(experts, given.extras, strict=True):
        weight = importance.clamp(min=floor)
        numerator.addcmul_(weight, expert)
        total += weight
    unknown = total == 0.0
    merged = numerator.div_(total)
    return torch.where(unknown, mean(w0, experts), merged) if unknown.any() else merged


def copy(w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING) -> Tensor:
    """W0, unmerged."""
    return w0.clone()
