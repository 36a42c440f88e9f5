"""The main numbers of one matrix at one step, out of its curves and maps, each beside what noise or chance gives.

    drift       median over indices of |drift| over noise's there, a root mean square of draws: noise itself gives .7
    drift_top   the drift that is largest in size, drift_index its index, drift_times its size over noise's there
    angle       the larger of both sides' largest angle over noise's largest;  angle_left, angle_right  those angles, degrees
    block       energy of the leading eighth of directions on both sides, in units of chance;  block_noise  what noise has there
    princ, low  share of the changed entries in M_princ, in M_low, over chance;  princ_noise, low_noise  over noise's share:
                noise seen through bf16 prefers small entries too, so that chance is not its share
    changed     share of all entries whose bf16 value changed
    row, column the largest share of a bin of rows (columns) over what is expected of that bin
    norm        relative norm of the update, where the layer's profile has one

They are computed from whole curves, before a page thins them. None where a row is missing, undefined or not finite: never 0.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

NUMBERS = ("norm", "drift", "drift_top", "drift_index", "drift_times", "angle", "angle_left", "angle_right")
NUMBERS += ("block", "block_noise", "princ", "low", "princ_noise", "low_noise", "changed", "row", "column")

Row = Mapping[str, Any]
Values = Sequence[float | None]


def main_numbers(kinds: Mapping[str, Row]) -> dict[str, float | None]:
    """NUMBERS but `norm`, of the rows of one matrix at one step by kind."""
    found: dict[str, float | None] = dict.fromkeys(NUMBERS)
    found |= _drift(kinds.get("drift"))
    left, right = _largest(kinds.get("angles_left")), _largest(kinds.get("angles_right"))
    found |= {"angle_left": left[0], "angle_right": right[0], "angle": _most(over(*left), over(*right))}
    if energy := _usable(kinds.get("energy")):
        found |= {"block": _leading(energy["y"], energy), "block_noise": _leading(energy.get("reference"), energy)}
    if overlap := _usable(kinds.get("mask_overlap")):
        found |= {name: over(overlap["y"][i], at(overlap["reference"], i)) for i, name in enumerate(("princ", "low"))}
        if noise := _usable(kinds.get("mask_overlap_noise")):
            found |= {name: over(overlap["y"][i], noise["y"][i]) for i, name in enumerate(("princ_noise", "low_noise"))}
    if bins := _usable(kinds.get("bf16_map")):
        found["changed"] = at(bins["reference"], 0) if len(bins["reference"] or ()) == 1 else fmean(_known(bins["y"]))
    for name, kind in (("row", "bf16_rows"), ("column", "bf16_cols")):
        if stripes := _usable(kinds.get(kind)):
            found[name] = _most(*_ratios(stripes))
    return found


def at(reference: Values | None, index: int) -> float | None:
    """A null's value at an index; one value holds for all."""
    if not reference:
        return None
    return reference[0] if len(reference) == 1 else reference[index]


def over(value: float | None, reference: float | None) -> float | None:
    """A ratio, None without both, or over nothing."""
    return value / reference if value is not None and reference else None


def middle(values: Sequence[float | None]) -> float | None:
    """The median of those that are there."""
    known = _known(values)
    return median(known) if known else None


def _usable(row: Row | None) -> Row | None:
    return row if row is not None and row["status"] == "ok" and _known(row["y"] or ()) else None


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _most(*values: float | None) -> float | None:
    return max(_known(values), default=None)


def _ratios(row: Row) -> list[float | None]:
    return [over(None if value is None else abs(value), at(row["reference"], i)) for i, value in enumerate(row["y"])]


def _drift(row: Row | None) -> dict[str, float | None]:
    if not (row := _usable(row)):
        return {}
    ratios = _ratios(row)
    top = max((i for i, value in enumerate(row["y"]) if value is not None), key=lambda i: abs(row["y"][i]))
    index = row["x"][top] if row["x"] else top + 1
    return {"drift": middle(ratios), "drift_top": row["y"][top], "drift_index": index, "drift_times": ratios[top]}


def _largest(row: Row | None) -> tuple[float | None, float | None]:
    """A curve's largest value and its null's."""
    return (_most(*row["y"]), _most(*(row["reference"] or ()))) if (row := _usable(row)) else (None, None)


def _leading(values: Values | None, shape: Row) -> float | None:
    """Mean of a map's first eighth of rows and columns; None for a map of nothing, the value itself for a single one."""
    if not values:
        return None
    rows, cols = shape["rows"], shape["cols"]
    if len(values) == 1:
        return values[0]
    block = [values[i * cols + j] for i in range(math.ceil(rows / 8)) for j in range(math.ceil(cols / 8))]
    return fmean(block) if len(_known(block)) == len(block) else None
