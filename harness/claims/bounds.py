"""What a claim says about its number: a region, fixed before the data, on a stated scale.

    below      x < limit                  greater    T(a) - T(b) > margin      fraction   P(replicate is True) >= p0
    above      x > limit                  differs    |T(a) - T(b)| > margin    exact      every replicate equals a value
    equivalent low <= x <= high

Limits of below, above and equivalent are given on the raw scale and carried over by the transform `on`; margins of
greater and differs are differences on the transformed scale (on="log": the log of a ratio). The claim is supported
when the interval lies in one segment of the region, refuted when it lies in one segment of the complement.
Trap: closed and open ends matter for replicates without spread (five times exactly 0 refutes "> 0").
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.claims.names import unknown
from harness.claims.transforms import Transform, transform
from harness.errors import SpecError

KINDS = ("below", "above", "equivalent", "greater", "differs", "fraction", "exact")
PAIRED = ("greater", "differs")

Score = float | None
"""A replicate on the judged scale; None if it has no place there."""

Pair = tuple[float | None, float | None]


@dataclass(frozen=True)
class Segment:
    """An interval of the judged scale; infinite ends always count as reached."""

    low: float
    high: float
    closed: bool

    def holds(self, low: float, high: float) -> bool:
        """Whether [low, high] lies wholly inside."""
        if self.closed:
            return self.low <= low and high <= self.high
        return (self.low < low or self.low == -math.inf) and (high < self.high or self.high == math.inf)


@dataclass(frozen=True)
class Bound:
    """A region with its scale; made by below(), above(), equivalent(), greater(), differs(), fraction(), exact()."""

    kind: str
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    equals: bool | int | float | None = None
    on: str = "identity"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("bound", self.kind, KINDS)
        for field in ("low", "high", "margin"):
            limit = getattr(self, field)
            if limit is not None:
                object.__setattr__(self, field, _finite(self.kind, field, limit))
        scale = transform(self.on)
        if self.kind in ("below", "above", "equivalent"):
            for limit in (self.low, self.high):
                if limit is not None and scale.forward(limit) is None:
                    raise SpecError(
                        f"the limit {limit:g} of {self.kind}() lies outside the domain {scale.domain} of {self.on!r}: "
                        "choose a limit inside it or another transform."
                    )

    @property
    def transform(self) -> Transform:
        return transform(self.on)

    @property
    def paired(self) -> bool:
        """Whether a replicate is a pair (a, b); `differs` also takes a single difference."""
        return self.kind in PAIRED

    @property
    def statistical(self) -> bool:
        return self.kind != "exact"

    @property
    def sides(self) -> int:
        """1: each end of the interval carries alpha (level 1 - 2 alpha); 2: half of it (level 1 - alpha)."""
        return 2 if self.kind == "differs" else 1

    def score(self, value: float | Pair | None) -> Score:
        """One replicate on the judged scale: T(x), or T(a) - T(b) for a pair; None if it has no place there.

        Raises:
            SpecError: a pair where the bound takes one number, or the other way round.
        """
        if isinstance(value, tuple):
            if not self.paired:
                raise SpecError(f"{self.kind}() judges one number per replicate, not a pair {value!r}.")
            a, b = (self.transform.forward(side) for side in value)
            return None if a is None or b is None else a - b
        if self.kind == "greater":
            raise SpecError(f"greater() compares two numbers: the body must return a pair (a, b), not {value!r}.")
        score = self.transform.forward(value)
        if self.kind == "fraction" and score not in (None, 0.0, 1.0):
            raise SpecError(f"fraction() counts replicates: the body must return True or False, not {value!r}.")
        return score

    def reported(self, score: float | None) -> float | None:
        """A score as people read it: back on the raw scale, except that differences stay transformed."""
        if score is None or not math.isfinite(score):
            return None
        raw = score if self.paired else self.transform.inverse(score)
        return float(raw) if math.isfinite(raw) else None

    def support(self) -> tuple[Segment, ...]:
        """Where the claim is true, on the judged scale. Empty for exact."""
        return self._regions()[0]

    def refute(self) -> tuple[Segment, ...]:
        """Where the claim is false: the complement of support()."""
        return self._regions()[1]

    def limits(self) -> tuple[float, ...]:
        """The finite ends of the region on the judged scale."""
        ends = {end for segment in self.support() for end in (segment.low, segment.high) if math.isfinite(end)}
        return tuple(sorted(ends))

    def _regions(self) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
        lowest, highest = -math.inf, math.inf
        match self.kind:
            case "below":
                limit = self._judged(self.high)
                return (Segment(lowest, limit, False),), (Segment(limit, highest, True),)
            case "above":
                limit = self._judged(self.low)
                return (Segment(limit, highest, False),), (Segment(lowest, limit, True),)
            case "greater":
                return (Segment(self.margin, highest, False),), (Segment(lowest, self.margin, True),)
            case "fraction":
                return (Segment(self.low, highest, True),), (Segment(lowest, self.low, False),)
            case "equivalent":
                low, high = self._judged(self.low), self._judged(self.high)
                outside = (Segment(lowest, low, False), Segment(high, highest, False))
                return (Segment(low, high, True),), outside
            case "differs":
                outside = (Segment(lowest, -self.margin, False), Segment(self.margin, highest, False))
                return outside, (Segment(-self.margin, self.margin, True),)
        return (), ()

    def _judged(self, limit: float) -> float:
        image = self.transform.forward(limit)
        assert image is not None  # __post_init__ refused limits outside the domain
        return image

    def text(self) -> str:
        """The bound in a table cell, e.g. "< 1 (log)"."""
        scale = "" if self.on == "identity" else f" ({self.on})"
        match self.kind:
            case "below":
                return f"< {self.high:g}{scale}"
            case "above":
                return f"> {self.low:g}{scale}"
            case "equivalent":
                return f"in [{self.low:g}, {self.high:g}]{scale}"
            case "greater":
                return f"a - b > {self.margin:g}{scale}"
            case "differs":
                return f"|a - b| > {self.margin:g}{scale}"
            case "fraction":
                return f"true in >= {self.low:.4g}"
        return "exact" if self.equals is True else f"= {self.equals} exactly"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Bound":
        return cls(**fields)


def _finite(kind: str, field: str, limit: object) -> float:
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not math.isfinite(limit):
        raise SpecError(f"{field} of {kind}() must be a finite number, not {limit!r}.")
    return float(limit)


def below(limit: float, on: str = "identity") -> Bound:
    """x < limit."""
    return Bound("below", high=limit, on=on)


def above(limit: float, on: str = "identity") -> Bound:
    """x > limit."""
    return Bound("above", low=limit, on=on)


def equivalent(low: float, high: float, on: str = "identity") -> Bound:
    """low <= x <= high, shown by two one-sided tests. Three replicates rarely support what is narrower than +-2.7 sd."""
    bound = Bound("equivalent", low=low, high=high, on=on)
    if not bound.low < bound.high:
        raise SpecError(f"equivalent(low, high) needs low < high, not [{low:g}, {high:g}].")
    return bound


def greater(margin: float = 0.0, on: str = "identity") -> Bound:
    """T(a) - T(b) > margin for the pair (a, b) that the body returns; a negative margin asks for non-inferiority."""
    return Bound("greater", margin=margin, on=on)


def differs(margin: float, on: str = "identity") -> Bound:
    """|T(a) - T(b)| > margin >= 0: a minimal effect in either direction. A single value is taken as the difference."""
    bound = Bound("differs", margin=margin, on=on)
    if bound.margin < 0:
        raise SpecError(f"the margin of differs() must not be negative, not {margin:g}.")
    return bound


def fraction(at_least: float) -> Bound:
    """The body returns True or False, and is True in at least this share of all replicates that could be drawn."""
    bound = Bound("fraction", low=at_least)
    if not 0.0 < bound.low < 1.0:
        raise SpecError(f"fraction(at_least) lies strictly between 0 and 1, not {at_least:g}; for 'always' use exact().")
    return bound


def exact(equals: bool | int | float = True) -> Bound:
    """An identity or theorem: the value equals this in every replicate. No statistics."""
    if not isinstance(equals, (bool, int, float)) or not math.isfinite(equals):
        raise SpecError(f"exact(equals) takes True, False or a finite number, not {equals!r}.")
    if float(equals) != equals:
        raise SpecError(f"exact(equals={equals!r}) cannot be stored as a double without rounding: use a smaller number.")
    return Bound("exact", equals=equals)
