"""From what a body returns to the numbers of one replicate.

The replicate is the seed. Matrices are reduced inside it by the rule in the claim's spec, since counting
layers as replicates gives 31-68 % false positives at intra-class correlation .1-.6 (research/engineering.md 3.1).
Trap: a reduction that skips NaN reports a cleaner model than was measured. One non-finite entry makes the replicate
non-finite: its value is None with status "nonfinite".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.claims.bounds import Bound
from harness.claims.names import unknown
from harness.errors import SpecError

OK = "ok"
NONFINITE = "nonfinite"
UNMATCHED = "unmatched"
"""Status of a replicate whose body could not match its arms: it has no value, and says by how much they were off."""


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / math.fsum(weights)


WITHIN: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "median": lambda values, weights: median(values),
    "mean": _mean,
    "min": lambda values, weights: min(values),
    "max": lambda values, weights: max(values),
    "weighted": _weighted,
    "sum": lambda values, weights: math.fsum(values),
}
"""Rules by name. `weighted` weighs each entry by its size (number of parameters)."""


@dataclass(frozen=True)
class Reduced:
    """One number with the entries it came from (names and values are None for a plain number)."""

    value: float | None
    status: str = OK
    names: tuple[str, ...] | None = None
    values: tuple[float | None, ...] | None = None


@dataclass(frozen=True)
class Replicate:
    """One replicate of a claim, as stored: value2 is the second of a pair."""

    value: float | None
    value2: float | None
    status: str
    names: tuple[str, ...] | None
    values: tuple[float | None, ...] | None


def reduce(value: Any, within: str = "median") -> Reduced:
    """Reduce a number, a mapping name -> number or a flat sequence to one number.

    Args:
        value: a bool, a real number or anything with float(); a mapping (a PerMatrix has `.sizes` besides);
            or a one-dimensional sequence or array.
        within: a rule in WITHIN; a plain number passes unchanged.

    Raises:
        SpecError: an unknown rule, something that is not numbers, nothing at all, or no sizes for "weighted".
    """
    if within not in WITHIN:
        raise unknown("rule within a replicate", within, WITHIN)
    if isinstance(value, Mapping):
        names = tuple(str(name) for name in value)
        entries = [_number(entry) for entry in value.values()]
        return _reduce_entries(names, entries, within, getattr(value, "sizes", None))
    if hasattr(value, "tolist"):  # numpy and torch, scalars included
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return _reduce_entries(tuple(map(str, range(len(value)))), [_number(v) for v in value], within, None)
    number = _number(value)
    return Reduced(number, OK if number is not None else NONFINITE)


def _reduce_entries(
    names: tuple[str, ...], entries: list[float | None], within: str, sizes: Mapping[str, float] | None
) -> Reduced:
    if not entries:
        raise SpecError("the body returned no entries at all: a replicate needs at least one number.")
    if within == "weighted" and sizes is None:
        raise SpecError("within='weighted' needs a PerMatrix with sizes: return one, or use another rule.")
    weights = [float(sizes[name]) for name in names] if within == "weighted" and sizes is not None else []
    values = tuple(entries)
    if None in values:
        return Reduced(None, NONFINITE, names, values)
    try:
        result = float(WITHIN[within](entries, weights))
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        return Reduced(None, NONFINITE, names, values)
    return Reduced(result, OK, names, values)


def _number(value: Any) -> float | None:
    """A finite float, or None for NaN and infinities."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (str, bytes, complex)) or value is None:
        raise SpecError(f"the body returned {value!r} where a number was expected: return a float, a bool or a mapping.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpecError(
            f"the body returned a {type(value).__name__} where a number was expected: return a float, a bool or a mapping."
        ) from None
    return number if math.isfinite(number) else None


def replicate(result: Any, bound: Bound, within: str) -> Replicate:
    """What a body returned for one seed, reduced to what is stored and judged.

    A tuple of two is a pair where the bound compares pairs; each side is reduced by itself and its entries are
    stored as "a:<name>", "b:<name>". For exact(), several entries must all be equal to the stated value, so the
    entry farthest from it stands for all of them.
    """
    if bound.paired and isinstance(result, tuple) and len(result) == 2:
        a, b = reduce(result[0], within), reduce(result[1], within)
        names = values = None
        if a.names is not None or b.names is not None:
            names = tuple(f"{side}:{name}" for side, part in (("a", a), ("b", b)) for name in part.names or ("value",))
            values = tuple(v for part in (a, b) for v in (part.values or (part.value,)))
        status = OK if a.status == b.status == OK else NONFINITE
        return Replicate(a.value, b.value, status, names, values)
    if bound.kind == "greater":
        raise SpecError("greater() compares two numbers: the body must return a tuple (a, b).")
    if bound.kind == "exact":
        target = float(bound.equals)
        whole = reduce(result, "median")
        if whole.values is not None and whole.status == OK:
            farthest = max(whole.values, key=lambda v: abs(v - target))
            whole = Reduced(farthest, OK, whole.names, whole.values)
    else:
        whole = reduce(result, within)
    if whole.status == OK:
        bound.score(whole.value)  # refuses what a fraction cannot count
    return Replicate(whole.value, None, whole.status, whole.names, whole.values)
