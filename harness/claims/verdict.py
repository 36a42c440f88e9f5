"""What a claim is judged on, and what comes out: plain Python values only, missing ones None, never 0.0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.claims.bounds import Pair

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"

STRADDLES = "straddles"
TOO_SMALL = "n too small"
BELOW_FLOOR = "below noise floor"
NULL_EXPLAINS = "null explains it"
CONTROL_FAILED = "control failed"
NON_FINITE = "non-finite"
UNMATCHED = "unmatched"
A_CASE = "a case"
REASONS = ("", STRADDLES, TOO_SMALL, BELOW_FLOOR, NULL_EXPLAINS, CONTROL_FAILED, NON_FINITE, UNMATCHED, A_CASE)


@dataclass(frozen=True)
class NoMatch:
    """Stands where a replicate has no value because its arms could not be matched; `says` by how much."""

    says: str


Value = float | None | Pair | NoMatch


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def unmatched(series: Sequence[Value]) -> list[NoMatch]:
    """The replicates that could not be matched, in seed order."""
    return [value for value in series if isinstance(value, NoMatch)]


def _value(value: Any) -> Value:
    if isinstance(value, NoMatch):
        return value
    if isinstance(value, (tuple, list)):
        a, b = value
        return (_number(a), _number(b))
    return _number(value)


def _values(values: Sequence[Any]) -> tuple[Value, ...]:
    return tuple(_value(value) for value in values)


@dataclass(frozen=True)
class Evidence:
    """Replicates in seed order, on the raw scale; entry i of every series belongs to the same seed.

    Args:
        values: one number or pair (a, b) per replicate; NaN and infinities become None; NoMatch where its arms
            could not be matched.
        nulls, plants: the same under each control, by `Control.label()`.
        floor: per seed |score(arm) - score(twin)| on the judged scale (`Bound.score`), NoMatch where the twin could not be
            matched; None if there is no twin.
        case: a single replicate that is no sample of anything, such as one checkpoint of each arm: told, not judged.
    """

    values: tuple[Value, ...]
    nulls: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    plants: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    floor: tuple[float | None | NoMatch, ...] | None = None
    case: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _values(self.values))
        for role in ("nulls", "plants"):
            object.__setattr__(self, role, {label: _values(series) for label, series in getattr(self, role).items()})
        if self.floor is not None:
            object.__setattr__(self, "floor", _values(self.floor))


@dataclass(frozen=True)
class Verdict:
    """The outcome, with every figure that it rests on.

    Args:
        verdict: supported, refuted or inconclusive; reason: why inconclusive, a member of REASONS; detail: one sentence.
        estimate, ci_low, ci_high: on the raw scale (mean of logs: geometric mean), but differences of greater and
            differs on the transformed scale; an infinite end is None. exact: the value farthest from the stated one.
        ci_level: level of that interval: the Holm level of the claim where it was judged in a family.
        method: t, sequence, clopper-pearson, share sequence or exact.
        n: replicates; where some are unmatched, the others.
        p, p_adj: of "the claim is false", and after Holm; sign_flip_p: the same without normality (fixed n only).
        effect: distance from the estimate to the nearest limit in sd between seeds, positive on the claim's side.
        mde: distance beyond a limit that this n shows with 80 % power, on the judged scale (equivalent: half-width).
        n_to_settle: replicates that would settle it with 80 % power if estimate and sd are the true ones.
        noise_floor: root mean square of the twin's distances, on the judged scale.
        null_*, plant_*: of the control that decided, or else the null nearest to the claim and the first plant.
    """

    verdict: str
    reason: str = ""
    detail: str = ""
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    method: str | None = None
    p: float | None = None
    p_adj: float | None = None
    sign_flip_p: float | None = None
    n: int = 0
    effect: float | None = None
    mde: float | None = None
    n_to_settle: int | None = None
    noise_floor: float | None = None
    null_name: str | None = None
    null_estimate: float | None = None
    null_low: float | None = None
    null_high: float | None = None
    null_verdict: str | None = None
    plant_name: str | None = None
    plant_estimate: float | None = None
    plant_low: float | None = None
    plant_high: float | None = None
    plant_verdict: str | None = None
