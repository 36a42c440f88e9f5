"""Allocations of the same budget without knowledge of spectra: what WeLore has to beat.

    uniform   every matrix the same r / q                                    "uniform rank reduction" of the paper
    random    the allocation's own ratios r / q, dealt to other matrices     as uneven as it is, in the wrong places

Both are scaled so that the budget holds: the sum of ranks exactly, or the sum of parameters r (m + n) to less than the cost of
one rank from below. A random deal that loses as little as the rule says that unevenness is free, not that it was predicted.
"""

from collections.abc import Mapping
from typing import Literal

import torch

from harness.compression.allocation import Allocation
from harness.errors import MeasureError

Budget = Literal["rank", "parameters"]


def uniform_allocation(like: Allocation, budget: Budget = "rank") -> Allocation:
    """Every matrix the same share of its ranks, up to whole numbers.

    Args:
        like: whose matrices and budget to take.
        budget: "rank" (sum of r, as the paper counts) or "parameters" (sum of r (m + n)).

    Raises:
        MeasureError: an unknown budget.
    """
    return _fill(like, dict.fromkeys(like.kept, 1.0), budget)


def random_allocation(like: Allocation, generator: torch.Generator, budget: Budget = "rank") -> Allocation:
    """The ratios of an allocation dealt anew among its matrices. Args and errors as `uniform_allocation`."""
    names = sorted(like.kept)
    dealt = torch.randperm(len(names), generator=generator).tolist()
    ratios = [like.kept[name] / like.full[name] for name in names]
    return _fill(like, {name: ratios[i] for name, i in zip(names, dealt, strict=True)}, budget)


def _fill(like: Allocation, weight: Mapping[str, float], budget: Budget) -> Allocation:
    """r = t weight q, cut to 1..q and rounded down, at the largest t that fits; what is left goes where most was cut off."""
    if budget not in ("rank", "parameters"):
        raise MeasureError(f"unknown budget {budget!r}: use 'rank' or 'parameters'.")
    full = like.full
    cost = {name: 1 if budget == "rank" else sum(like.shapes[name]) for name in full}
    allowed = sum(r * cost[name] for name, r in like.kept.items())

    def wanted(t: float) -> dict[str, float]:
        return {name: min(max(t * weight[name] * q, 1.0), float(q)) for name, q in full.items()}

    def spent(ranks: Mapping[str, int]) -> int:
        return sum(r * cost[name] for name, r in ranks.items())

    low, high = 0.0, 1 / min(weight.values())
    for _ in range(60):
        middle = (low + high) / 2
        if spent({name: int(r) for name, r in wanted(middle).items()}) <= allowed:
            low = middle
        else:
            high = middle
    exact = wanted(low)
    ranks = {name: int(r) for name, r in exact.items()}
    for name in sorted(full, key=lambda name: (ranks[name] - exact[name], name)):
        if ranks[name] < full[name] and spent(ranks) + cost[name] <= allowed:
            ranks[name] += 1
    return Allocation(ranks, dict(like.shapes))
