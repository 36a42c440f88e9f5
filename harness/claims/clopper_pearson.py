"""Clopper-Pearson interval for the share of replicates in which a statement holds.

    low:  P(X >= k | low) = tail      high: P(X <= k | high) = tail      (Clopper & Pearson 1934)

Never covers less than it says, at any n. Five out of five supports "at least half" (low = .549 at alpha .05), not "at least .8".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.claims.interval import Interval


def chance_of_at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p)."""
    from scipy.special import betainc

    return 1.0 if k <= 0 else 0.0 if k > n else float(betainc(k, n - k + 1, p))


@dataclass(frozen=True)
class ShareSample:
    """k of n >= 1 replicates are true."""

    k: int
    n: int
    method: ClassVar[str] = "clopper-pearson"
    anytime: ClassVar[bool] = False

    @classmethod
    def of(cls, values: Sequence[float]) -> "ShareSample":
        return cls(sum(value == 1.0 for value in values), len(values))

    @property
    def mean(self) -> float:
        return self.k / self.n

    @property
    def sd(self) -> float:
        """Not a spread to judge by; NaN, so that no rule for equal replicates applies."""
        return math.nan

    def interval(self, alpha: float, sides: int = 1) -> Interval:
        from scipy.special import betaincinv

        k, n, tail = self.k, self.n, alpha / sides
        low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
        high = float(betaincinv(k + 1, n - k, 1.0 - tail)) if k < n else 1.0
        return Interval(low, high, 1.0 - 2.0 * tail)

    def p_above(self, limit: float) -> float:
        """p of "the share is at most `limit`"."""
        return chance_of_at_least(self.k, self.n, limit)

    def p_below(self, limit: float) -> float:
        """p of "the share is at least `limit`"."""
        return 1.0 - chance_of_at_least(self.k + 1, self.n, limit)
