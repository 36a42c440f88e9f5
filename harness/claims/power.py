"""What n replicates can show, and how many would settle a claim.

For normal replicates with mean mu and sd sigma the chance that the t interval falls inside (low, high) is

    E_s [ Phi((high - mu) sqrt(n)/sigma - t s) - Phi((low - mu) sqrt(n)/sigma + t s) ]+ ,   s^2 ~ chi^2(n-1) / (n-1)

which is exact for one-sided claims (the noncentral t) and for TOST alike. The mean over s is taken at 256 equally likely values.
Trap: planning with the observed mean and sd is a guess ("about 9 seeds"), to say what to run next, never to judge by.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from harness.claims.bounds import Segment
from harness.claims.clopper_pearson import chance_of_at_least
from harness.claims.interval import t_quantile
from harness.claims.sequence import SEQUENCE_MIN, ShareSequence, half_width

POWER = 0.8
Z_POWER = 0.8416212335729143
"""The standard normal quantile of POWER."""

MOST = 10_000
"""More replicates than this settle nothing in practice: None is reported."""


@lru_cache(maxsize=4096)
def _relative_sds(n: int) -> np.ndarray:
    """256 equally likely values of s / sigma for n replicates."""
    from scipy.special import gammaincinv

    dof = n - 1
    return np.sqrt(gammaincinv(dof / 2.0, (np.arange(256) + 0.5) / 256) * 2.0 / dof)


def chance_inside(mean: float, sd: float, n: int, low: float, high: float, tail: float) -> float:
    """Chance that the t interval with this tail at each end falls inside (low, high), ends possibly infinite."""
    from scipy.special import ndtr

    reach = t_quantile(tail, n - 1) * _relative_sds(n)
    root = math.sqrt(n) / sd
    upper = ndtr((high - mean) * root - reach) if math.isfinite(high) else 1.0
    lower = ndtr((low - mean) * root + reach) if math.isfinite(low) else 0.0
    return float(np.maximum(upper - lower, 0.0).sum() / reach.size)


@lru_cache(maxsize=4096)
def detectable_effect(n: int, tail: float) -> float:
    """Distance beyond a limit, in sd, that n replicates show with 80 % power by a one-sided t test."""
    return _root(lambda d: chance_inside(d, 1.0, n, 0.0, math.inf, tail) - POWER)


@lru_cache(maxsize=4096)
def detectable_margin(n: int, tail: float) -> float:
    """Half-width of a region, in sd, in whose middle n replicates show equivalence with 80 % power."""
    return _root(lambda m: chance_inside(0.0, 1.0, n, -m, m, tail) - POWER)


def sequence_effect(n: int, alpha: float) -> float:
    """The same as detectable_effect for a look of the t sequence at n, with the sd taken as known; may be infinite."""
    return half_width(n, alpha) + Z_POWER / math.sqrt(n)


def detectable_share(n: int, at_least: float, alpha: float) -> float | None:
    """The true share above `at_least` that n replicates show with 80 % power; None if even n of n would not."""
    from scipy.special import betaincinv

    k = _critical_count(n, at_least, alpha)
    return None if k is None else float(betaincinv(k, n - k + 1, POWER))


def n_to_settle(mean: float, sd: float, segment: Segment, tail: float, start: int = 2) -> int | None:
    """Fewest replicates whose t interval falls inside `segment` with 80 % power, if mean and sd are the true ones.

    None if the mean is not inside, if there is no spread, or if it takes more than MOST.
    """
    if sd <= 0.0 or not segment.low < mean < segment.high:
        return None
    return _first(lambda n: chance_inside(mean, sd, n, segment.low, segment.high, tail) >= POWER, max(2, start))


def n_to_settle_sequence(mean: float, sd: float, segment: Segment, alpha: float, start: int = 2) -> int | None:
    """The same for the t sequence, with the sd taken as known."""
    if sd <= 0.0 or not segment.low < mean < segment.high:
        return None
    distance = min(mean - segment.low, segment.high - mean) / sd
    return _first(lambda n: sequence_effect(n, alpha) <= distance, max(SEQUENCE_MIN, start))


@lru_cache(maxsize=1024)
def n_to_settle_share(share: float, at_least: float, alpha: float, anytime: bool, start: int = 1) -> int | None:
    """Fewest replicates that decide "at least this share" with 80 % power if `share` is the true one; None above 1000.

    For the anytime sequence: the n at which `share` of n replicates decides.
    """
    for n in range(max(1, start), 1001):
        if anytime:
            sample = ShareSequence(round(share * n), n)
            if (sample.p_above if share >= at_least else sample.p_below)(at_least) <= alpha:
                return n
        elif share >= at_least:
            k = _critical_count(n, at_least, alpha)
            if k is not None and chance_of_at_least(k, n, share) >= POWER:
                return n
        else:
            k = _critical_count(n, 1.0 - at_least, alpha)  # the same test on the replicates that are false
            if k is not None and chance_of_at_least(k, n, 1.0 - share) >= POWER:
                return n
    return None


def _critical_count(n: int, at_least: float, alpha: float) -> int | None:
    """Smallest k with P(X >= k | at_least) <= alpha."""
    from scipy.special import betainc

    k = np.arange(1, n + 1)
    enough = np.flatnonzero(betainc(k, n - k + 1, at_least) <= alpha)
    return int(k[enough[0]]) if enough.size else None


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of x > 0 crosses 0."""
    high = 1.0
    while rising(high) < 0.0:
        high *= 2.0
    low = 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return high


def _first(reached: Callable[[int], bool], start: int) -> int | None:
    """Smallest n in [start, MOST] with reached(n), for a condition that stays true once it is."""
    low, high = start - 1, start
    while not reached(high):
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
