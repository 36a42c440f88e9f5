"""From raw replicates to a sample on the judged scale, and its place relative to the bound."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.claims.bounds import Bound
from harness.claims.clopper_pearson import ShareSample
from harness.claims.interval import Interval, Sample, TSample, mean_of
from harness.claims.names import unknown
from harness.claims.sequence import SEQUENCE_MIN, ShareSequence, TSequence
from harness.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, NoMatch, Value

_METHODS: dict[str, tuple[type, type]] = {"t": (TSample, ShareSample), "sequence": (TSequence, ShareSequence)}


@dataclass(frozen=True)
class Scores:
    """Replicates on the judged scale; None where one has no place there."""

    bound: Bound
    values: tuple[float | None, ...]

    @classmethod
    def of(cls, bound: Bound, values: Sequence[Value]) -> "Scores":
        """Raises SpecError where a value does not suit the bound (a pair, or not True/False)."""
        known = (None if isinstance(value, NoMatch) else value for value in values)
        return cls(bound, tuple(None if value is None else bound.score(value) for value in known))

    @property
    def missing(self) -> int:
        return sum(value is None for value in self.values)

    @property
    def finite(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if value is not None)

    def mean(self) -> float | None:
        """None if any replicate is missing: an average over the rest would describe another sample."""
        return mean_of(self.finite) if self.values and not self.missing else None

    def sample(self, method: str) -> Sample | None:
        """The sample to judge by; None if it is not finite or has fewer than two replicates."""
        t_kind, share_kind = _METHODS[known_method(method)]
        if self.missing or len(self.values) < 2:
            return None
        return (share_kind if self.bound.kind == "fraction" else t_kind).of(self.finite)


def known_method(method: str) -> str:
    if method not in _METHODS:
        raise unknown("method", method, _METHODS)
    return method


def fewest(bound: Bound, seeds: int | None, method: str) -> int:
    """Replicates that a claim needs before it can be judged at all."""
    if not bound.statistical:
        return max(1, seeds or 0)
    return max(2, seeds or 0, SEQUENCE_MIN if method == "sequence" else 0)


def place(bound: Bound, interval: Interval) -> str:
    """The three-way rule: wholly inside one segment of the bound, wholly inside one outside it, or neither."""
    low, high = interval.low, interval.high
    if any(segment.holds(low, high) for segment in bound.support()):
        return SUPPORTED
    if any(segment.holds(low, high) for segment in bound.refute()):
        return REFUTED
    return INCONCLUSIVE


def distance(bound: Bound, estimate: float) -> float:
    """Distance from an estimate to the nearest limit, positive on the claim's side."""
    nearest = min(abs(estimate - limit) for limit in bound.limits())
    inside = any(segment.holds(estimate, estimate) for segment in bound.support())
    return nearest if inside else -nearest
