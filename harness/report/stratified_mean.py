"""The mean over all matrices from a sample stratified by module, with its interval.

    mean = sum_h W_h y_h,   W_h = N_h / N
    V    = sum_h W_h^2 (1 - n_h / N_h) s_h^2 / n_h            (the finite population correction: what is measured is known)
    mean +- t(.975, d) sqrt(V)

A stratum of which one matrix is measured has no s_h^2: it gets the others' pooled one, sum (n_j - 1) s_j^2 / sum (n_j - 1). So V is
a combination sum_j a_j s_j^2 of the known ones, and d is Satterthwaite's, V^2 / sum_j (a_j s_j^2)^2 / (n_j - 1). Where no stratum
has two there is no interval: None, not an infinite or an empty one.

Source: Cochran, Sampling Techniques (1977), 5.4, 5.9 and 5A.12 (pooling instead of collapsing strata).
Trap: this is the error of a random sample inside each stratum. `harness.models.sample.spread` takes a systematic one, whose mean of a
number that changes smoothly with depth is closer: the interval then covers more than it says.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import NamedTuple

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean over `total` matrices of which `n` are measured; low and high are None where no interval can be had."""

    value: float
    low: float | None
    high: float | None
    n: int
    total: int


def stratified_mean(sampled: Mapping[str, Sequence[float]], sizes: Mapping[str, int], level: float = LEVEL) -> Estimate | None:
    """The mean over all members of the strata that have a value.

    Args:
        sampled: values by stratum.
        sizes: members of each stratum in all.
        level: of the interval.
    """
    known = {name: values for name, values in sampled.items() if values}
    total, n = sum(sizes[name] for name in known), sum(map(len, known.values()))
    if not known:
        return None
    value = math.fsum(sizes[name] / total * fmean(values) for name, values in known.items())
    if n == total:
        return Estimate(value, value, value, n, total)
    parts = _variance_parts(known, sizes, total)
    if not parts:
        return Estimate(value, None, None, n, total)
    spread = math.fsum(part for part, _ in parts)
    if spread == 0.0:
        return Estimate(value, value, value, n, total)
    from scipy.special import stdtrit

    dof = spread**2 / math.fsum(part**2 / dof for part, dof in parts)
    half = float(stdtrit(dof, (1 + level) / 2)) * math.sqrt(spread)
    return Estimate(value, value - half, value + half, n, total)


def geometric(sampled: Mapping[str, Sequence[float]], sizes: Mapping[str, int], level: float = LEVEL) -> Estimate | None:
    """The same for the geometric mean, by the logarithms: for positive values that differ by factors. None where one is not positive."""
    if any(value <= 0.0 for values in sampled.values() for value in values):
        return None
    found = stratified_mean({name: [math.log(value) for value in values] for name, values in sampled.items()}, sizes, level)
    if found is None:
        return None
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    return found._replace(value=math.exp(found.value), low=low, high=high)


def _variance_parts(known: Mapping[str, Sequence[float]], sizes: Mapping[str, int], total: int) -> list[tuple[float, int]]:
    """(a_j s_j^2, n_j - 1) of the strata with a variance; they add up to V."""
    weights = {name: (sizes[name] / total) ** 2 * (1 - len(values) / sizes[name]) / len(values) for name, values in known.items()}
    several = {name: values for name, values in known.items() if len(values) > 1}
    freedom = sum(len(values) - 1 for values in several.values())
    pooled = sum(weight for name, weight in weights.items() if name not in several)
    return [
        ((weights[name] + pooled * (len(values) - 1) / freedom) * variance(values), len(values) - 1)
        for name, values in several.items()
    ]
