"""Holm's step-down adjustment over a family, with the level at which each claim is judged.

    sorted p(1) <= ... <= p(m);   p(j) is rejected while p(i) <= alpha / (m - i + 1) for all i <= j     (Holm 1979)

Family-wise error <= alpha under any dependence. A rejected claim is shown at the level of its own step, the others at the level
of the first step that failed: an interval at that level excludes the limit exactly when Holm rejects.
Trap: equal p-values. They share the strictest of their steps, so the order of the claims cannot matter.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """The adjusted p of one claim, and the alpha at which its interval is shown."""

    p_adjusted: float
    alpha: float


def holm_steps(p_values: Sequence[float], alpha: float) -> list[Step]:
    """One Step for each p, in the given order. Claims without a p take part as p = 1."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i])
    steps: list[Step | None] = [None] * m
    adjusted, failed_at = 0.0, None
    rank = 0
    while rank < m:
        p = p_values[order[rank]]
        tied = [i for i in order[rank:] if p_values[i] == p]
        remaining = m - rank
        adjusted = max(adjusted, min(1.0, p * remaining))
        if failed_at is None and p > alpha / remaining:
            failed_at = alpha / remaining
        for i in tied:
            steps[i] = Step(adjusted, alpha / remaining if failed_at is None else failed_at)
        rank += len(tied)
    return [step for step in steps if step is not None]
