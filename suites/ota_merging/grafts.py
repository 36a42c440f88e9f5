"""Parts of one update: the entries that cost most by Adam's second moments, the largest, and as many at random.

    FFG        v tau^2 above the threshold that leaves a share d over the whole model, v = Adam's exp_avg_sq
    magnitude  |tau| likewise;  random  each entry with probability d

What v knows can be taken apart: `permuted` within each parameter it keeps only how large v is there, and as unevenly; `level`,
its mean over each parameter, only how much of the density each parameter gets.

Source: arXiv 2509.11167 (FFG); sheet peft_merge 3.6, M1.
Trap: entries that never had a gradient have v = 0 and tau = 0 exactly: all three rank them last, or leave them alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import harness as h
from suites.task_vectors.specialists import masked

if TYPE_CHECKING:
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]


def graft(base: "State", state: "State", moments: "State", by: str, density: float, rng: "Generator") -> "State":
    """The base with a share of the state's update.

    Args:
        by: "fisher", "rank-one" (v from its row and column sums), "permuted", "level", "magnitude" or "random".
        moments: exp_avg_sq by parameter name.
        density: share of all entries.
        rng: draws permutations and masks.
    """
    if by == "random":
        return masked(base, state, density, rng)
    if by == "magnitude":
        return h.merge("ties", base, [state], density=density, scope="model")
    known = moments if by == "rank-one" else seen(moments, by, rng)
    return h.merge("ota", base, [state], extras=[known], mask=density, rank_one=by == "rank-one")


def seen(moments: "State", how: str, rng: "Generator") -> "State":
    """What is left of second moments: "fisher" all, "permuted" within each parameter, "level" its mean over each."""
    import torch

    if how == "permuted":
        return {name: v.flatten()[torch.randperm(v.numel(), generator=rng)].view_as(v) for name, v in moments.items()}
    if how == "level":
        return {name: v.mean().expand_as(v).clone() for name, v in moments.items()}
    return moments
