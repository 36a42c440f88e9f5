"""Exact sign-flip test: a p that needs symmetry of the replicates about the limit, and no normality.

    p = share of all 2^n sign patterns whose sum is at least the observed sum of signed distances to the limit

It stands beside the t p as a check. Its smallest value is 1/2^n: .125 at n = 3, .031 at 5, .004 at 8.
All 2^n patterns up to n = 16; beyond that 100 000 seeded draws, counting the observed pattern itself (Phipson & Smyth 2010).
"""

import math
from collections.abc import Sequence

import numpy as np

from harness.claims.bounds import Bound, Segment

EXACT_UP_TO = 16
DRAWS = 100_000


def sign_flip_p(distances: Sequence[float], seed: int = 0) -> float:
    """One-sided p of "the replicates are symmetric about a centre <= 0".

    Args:
        distances: replicates minus the limit, positive in favour of the claim.
        seed: of the sampled patterns when n > 16.

    Raises:
        ValueError: no distances, or one that is not finite.
    """
    d = np.asarray(distances, dtype=np.float64)
    if d.size == 0 or not np.isfinite(d).all():
        raise ValueError("a sign-flip test needs at least one distance, all of them finite.")
    observed = d.sum() - 1e-12 * np.abs(d).sum()  # patterns equal to the observed one up to rounding count
    if d.size <= EXACT_UP_TO:
        sums = np.zeros(1)
        for x in d:
            sums = np.concatenate([sums + x, sums - x])
        return float(np.mean(sums >= observed))
    signs = np.random.default_rng(seed).integers(0, 2, size=(DRAWS, d.size), dtype=np.int8) * 2 - 1
    return float((np.count_nonzero(signs @ d >= observed) + 1) / (DRAWS + 1))


def bound_sign_flip_p(bound: Bound, scores: Sequence[float]) -> float:
    """The same for the region of a bound: TOST for two ends, the better of two segments doubled for `differs`."""

    def inside(segment: Segment) -> float:
        ends = []
        if math.isfinite(segment.low):
            ends.append(sign_flip_p([x - segment.low for x in scores]))
        if math.isfinite(segment.high):
            ends.append(sign_flip_p([segment.high - x for x in scores]))
        return max(ends)

    return min(1.0, bound.sides * min(inside(segment) for segment in bound.support()))
