"""Transforms onto the scale where replicates are averaged and compared.

    identity x      log ln x (x > 0)      logit ln(x / (1 - x)) (0 < x < 1)      fisher_z artanh x (|x| < 1)

A ratio or any other right-skewed measure belongs on the log: on lognormal replicates a 95 % t interval
covers .81 at n = 5, on their logs .95 (research/engineering.md 3.1).
Trap: a value outside the domain (log of 0, logit of 1) has no place on the scale. It becomes None and makes
the claim inconclusive ("non-finite"); it is never clipped and never dropped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.claims.names import unknown


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.0 else math.inf


@dataclass(frozen=True)
class Transform:
    """A monotone increasing map with its open domain (low, high) and its inverse."""

    name: str
    low: float
    high: float
    _forward: Callable[[float], float]
    inverse: Callable[[float], float]

    def forward(self, value: float | None) -> float | None:
        """The value on this scale; None where it is missing, not finite or outside the domain."""
        if value is None or not math.isfinite(value) or not self.low < value < self.high:
            return None
        image = self._forward(value)
        return image if math.isfinite(image) else None

    @property
    def domain(self) -> str:
        return f"({self.low:g}, {self.high:g})"


TRANSFORMS: dict[str, Transform] = {
    "identity": Transform("identity", -math.inf, math.inf, float, float),
    "log": Transform("log", 0.0, math.inf, math.log, _exp),
    "logit": Transform("logit", 0.0, 1.0, lambda x: math.log(x) - math.log1p(-x), _expit),
    "fisher_z": Transform("fisher_z", -1.0, 1.0, math.atanh, math.tanh),
}


def transform(name: str) -> Transform:
    """The transform called `name`; SpecError with the nearest name otherwise."""
    try:
        return TRANSFORMS[name]
    except (KeyError, TypeError):
        raise unknown("transform", name, TRANSFORMS) from None
