"""Rows of a diff by matrix and metric, and what is asked of them again and again: medians, and what lies beyond noise.

A value is beyond noise in one matrix where it is off the mean of its null's draws by more than Z of their standard deviations and
by more than MARGIN of the mean. All matrices together are read by the ratios r_i of each value to the mean of its draws:

    z = (mean r_i - 1) sqrt(N) / (s sqrt(1 + 1 / draws)),   s^2 the mean square of the draws' relative deviations

since three draws tell little about one matrix and much about two hundred. Something is there where |z| > Z and the median ratio is
off 1 by more than MARGIN.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

Z, MARGIN = 3.0, 0.25

Row = Mapping[str, object]
ByName = Mapping[str, Mapping[str, Row]]
"""Name of a matrix -> metric -> row."""


class Together(NamedTuple):
    """A metric over all matrices beside its null: median ratio, z, and how many matrices have both."""

    ratio: float
    z: float
    n: int

    @property
    def is_beyond(self) -> bool:
        """Whether noise does not explain it."""
        return abs(self.z) > Z and abs(self.ratio - 1) > MARGIN


def by_name(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Rows of one checkpoint by matrix and metric."""
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        found[str(row["name"])][str(row["metric"])] = row
    return found


def number(metrics: Mapping[str, Row], metric: str, column: str = "value") -> float | None:
    """A number of one matrix; None where there is none."""
    value = metrics.get(metric, {}).get(column)
    return None if value is None else float(value)


def numbers(matrices: ByName, metric: str, column: str = "value") -> list[float]:
    """The numbers of all matrices that have one."""
    found = (number(each, metric, column) for each in matrices.values())
    return [value for value in found if value is not None]


def middle(matrices: ByName, metric: str, column: str = "value") -> float | None:
    """Their median."""
    known = numbers(matrices, metric, column)
    return median(known) if known else None


def sizes(matrices: ByName) -> list[float]:
    """Relative norms of the matrices that moved: an adapter on two modules of seven leaves the median of all at zero."""
    return [value for value in numbers(matrices, "relative_norm") if value > 0.0]


def together(matrices: ByName, metric: str) -> Together | None:
    """None where no matrix has a value and draws that differ."""
    rows = [each[metric] for each in matrices.values() if metric in each]
    known = [row for row in rows if row["value"] is not None and row.get("null_mean") and row.get("null_sd") is not None]
    if not known:
        return None
    ratios = [float(row["value"]) / float(row["null_mean"]) for row in known]
    spread = math.sqrt(fmean((float(row["null_sd"]) / float(row["null_mean"])) ** 2 for row in known))
    draws = min(int(row.get("null_draws") or 1) for row in known)
    error = spread * math.sqrt((1 + 1 / draws) / len(known))
    return Together(median(ratios), (fmean(ratios) - 1) / error if error else math.inf, len(known))


def beyond(matrices: ByName, metric: str) -> tuple[list[str], list[str]]:
    """Names of the matrices whose value lies above, and below, what the null's draws allow; farthest off first."""
    above, below = [], []
    for name, each in matrices.items():
        row = each.get(metric)
        if row is None or row["value"] is None or row.get("null_mean") is None:
            continue
        value, mean = float(row["value"]), float(row["null_mean"])
        room = max(Z * float(row.get("null_sd") or 0.0), MARGIN * abs(mean))
        above += [(value / mean if mean else math.inf, name)] if value > mean + room else []
        below += [(value / mean, name)] if value < mean - room else []
    return [name for _, name in sorted(above, reverse=True)], [name for _, name in sorted(below)]


def few(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and that there are more."""
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
