"""Anytime-valid confidence sequences: intervals that stay valid however often one looks and whenever one stops.

t sequence, Gaussian mixture over the standardised effect (Lai 1976; Robbins 1970), s the sample sd, nu = n - 1:

    c = (sqrt(1 + n g) / alpha)^(2/n),   half-width = s / sqrt(n) * sqrt(nu (c - 1) / (1 - c / (1 + n g)))

infinite where c >= 1 + n g: with g = 1 and alpha = .05 nothing can be decided before the fifth replicate.
Share sequence, uniform mixture over p: p stays while (n + 1) C(n, k) p^k (1 - p)^(n - k) > alpha  (Robbins 1970; Ville 1939).
A fixed-n t interval looked at from n = 3 to 30 supports falsely 21.5 % of the time (research/engineering.md 3.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.claims.clopper_pearson import ShareSample
from harness.claims.interval import Interval, mean_and_sd

MIXTURE = 1.0
"""g: the variance of standardised effects that the mixture expects; fixed before the data."""

SEQUENCE_MIN = 5
"""Fewest replicates that any sequence is judged on."""


def half_width(n: int, alpha: float, g: float = MIXTURE) -> float:
    """Half-width of the t sequence in units of the sample sd; infinite while it can exclude nothing."""
    log_c = (math.log1p(n * g) - 2.0 * math.log(alpha)) / n
    if n < 2 or log_c >= math.log1p(n * g):
        return math.inf
    c = math.exp(log_c)
    return math.sqrt((n - 1) * (c - 1.0) / (1.0 - c / (1.0 + n * g)) / n)


@dataclass(frozen=True)
class TSequence:
    """n >= 2 finite replicates on the judged scale, looked at any number of times."""

    n: int
    mean: float
    sd: float
    method: ClassVar[str] = "sequence"
    anytime: ClassVar[bool] = True

    @classmethod
    def of(cls, values: Sequence[float]) -> "TSequence":
        """Raises ValueError for fewer than two values."""
        if len(values) < 2:
            raise ValueError(f"an interval needs at least 2 replicates, not {len(values)}.")
        return cls(len(values), *mean_and_sd(values))

    def interval(self, alpha: float, sides: int = 1) -> Interval:
        """Level 1 - alpha whatever the sides: a mixture cannot be split into two one-sided halves."""
        half = half_width(self.n, alpha) * self.sd if self.sd > 0.0 else 0.0
        return Interval(self.mean - half, self.mean + half, 1.0 - alpha)

    def p_above(self, limit: float) -> float:
        return self._p(limit) if self.mean > limit else 1.0

    def p_below(self, limit: float) -> float:
        return self._p(limit) if self.mean < limit else 1.0

    def _p(self, limit: float) -> float:
        """Anytime-valid p of "the true mean is `limit`": the alpha at which the interval ends there."""
        t_squared = self.n * ((self.mean - limit) / self.sd) ** 2
        nu, spread = self.n - 1, 1.0 + self.n * MIXTURE
        log_p = 0.5 * math.log(spread) + 0.5 * self.n * (math.log(nu + t_squared / spread) - math.log(nu + t_squared))
        return min(1.0, math.exp(log_p))


@dataclass(frozen=True)
class ShareSequence(ShareSample):
    """k of n replicates are true, looked at any number of times."""

    method: ClassVar[str] = "share sequence"
    anytime: ClassVar[bool] = True

    def interval(self, alpha: float, sides: int = 1) -> Interval:
        """Level 1 - alpha: all p whose anytime-valid p-value exceeds alpha."""
        return Interval(self._end(0.0, alpha), self._end(1.0, alpha), 1.0 - alpha)

    def p_above(self, limit: float) -> float:
        return self._p(limit) if self.mean > limit else 1.0

    def p_below(self, limit: float) -> float:
        return self._p(limit) if self.mean < limit else 1.0

    def _p(self, limit: float) -> float:
        k, n = self.k, self.n
        if (limit <= 0.0 and k > 0) or (limit >= 1.0 and k < n):
            return 0.0
        log_likelihood = (k * math.log(limit) if k else 0.0) + ((n - k) * math.log1p(-limit) if k < n else 0.0)
        log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        return min(1.0, math.exp(math.log(n + 1) + log_ways + log_likelihood))

    def _end(self, outer: float, alpha: float) -> float:
        """The end towards `outer`, by bisection between it and k / n."""
        if self._p(outer) > alpha:
            return outer
        out, inside = outer, self.mean
        for _ in range(60):
            middle = 0.5 * (out + inside)
            out, inside = (out, middle) if self._p(middle) > alpha else (middle, inside)
        return out
