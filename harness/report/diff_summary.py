"""What a diff says on one screen: how large, how dense, where, and whether noise or rounding would have looked the same.

Every sentence follows from rows of the table `matrices`. The verdict reads all matrices together: the ratio r_i of each value to the
mean of its null's draws, their median, and

    z = (mean r_i - 1) sqrt(N) / (s sqrt(1 + 1 / draws)),   s^2 the mean square of the draws' relative deviations

since three draws tell little about one matrix and much about two hundred. Something is there where |z| > Z and the median ratio is
off 1 by more than MARGIN. The counts beside a number are of single matrices beyond Z of their own draws and MARGIN.
"""

import math
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

Z, MARGIN = 3.0, 0.25
SHADES = " .:-=+*#%@"
STRANGER = 0.5
"""Relative norm from which two models share no more than their shapes: fine-tunes stay far below, independent models are near 1.4."""

Row = Mapping[str, object]


def summary(rows: Sequence[Row], unmatched: object | None = None, *, width: int = 100) -> str:
    """The screen, plain ASCII.

    Args:
        rows: of one diff.
        unmatched: names that the sides do not share (`harness.models.pair.Unmatched`), or None.
        width: columns.
    """
    by_name, first = _by_name(rows), rows[0]
    lines = [f"{_short(first['base'])} -> {_short(first['tuned'])}: {_dtypes(rows)}, {len(by_name)} matrices"]
    lines += _unmatched(unmatched)
    lines += ["", *(f"  {label:<12}{text}" for label, text in _sentences(by_name)), "", *_map(by_name, width)]
    lines += ["", f"  {verdict(rows)}"]
    return "\n".join(wrapped for line in lines for wrapped in _wrapped(line, width))


def verdict(rows: Sequence[Row]) -> str:
    """One sentence on a diff's rows: what explains the difference."""
    by_name = _by_name(rows)
    total = len(by_name)
    if sum(_number(each, "equal") == 1.0 for each in by_name.values()) == total:
        return "EQUAL: both sides hold the same weights"
    if any(each.get("norm", {}).get("status") == "nonfinite" for each in by_name.values()):
        return "DAMAGED: some weights are not finite; the rows say which"
    if sum(_number(each, "rounding") == 1.0 for each in by_name.values()) == total:
        return "ROUNDING: each side is the other one in another number format; nothing was trained"
    size = _median(by_name, "relative_norm")
    if size is not None and size > STRANGER:
        return f"STRANGER: the difference is {size:.2f} of the base's norm; these are two models, not a fine-tune (or two layouts)"
    energy = _together(by_name, "enrichment_uv")
    if energy is None:
        return "UNKNOWN: no matrix has a null to be compared with"
    told = f"{energy.ratio:.2f} times the energy that noise has between leading directions (z {energy.z:.0f}, {energy.n} matrices)"
    if energy.is_beyond and energy.ratio > 1:
        own = _together(by_name, "enrichment_haar")
        frames = "more than random frames of its own spectrum" if own and own.is_beyond else "random frames of its own spectrum have as much"
        return f"PRINCIPAL: {told}; {frames}"
    if energy.is_beyond:
        return f"OFF-PRINCIPAL: {told}"
    for metric in ("stable_rank", "kappa", "enrichment_u", "enrichment_v"):
        found = _together(by_name, metric)
        if found and found.is_beyond:
            return f"STRUCTURED: {metric} is {found.ratio:.2f} times noise's (z {found.z:.0f}); principal energy is as noise has it"
    return f"RANDOM: noise of the same norm reads the same; {told}"


class Together(NamedTuple):
    """A metric over all matrices beside its null: median ratio, z, and how many matrices have both."""

    ratio: float
    z: float
    n: int

    @property
    def is_beyond(self) -> bool:
        """Whether noise does not explain it."""
        return abs(self.z) > Z and abs(self.ratio - 1) > MARGIN


def _together(by_name: Mapping[str, Mapping[str, Row]], metric: str) -> Together | None:
    """None where no matrix has a value and draws that differ."""
    rows = [each[metric] for each in by_name.values() if metric in each]
    known = [row for row in rows if row["value"] is not None and row.get("null_mean") and row.get("null_sd") is not None]
    if not known:
        return None
    ratios = [float(row["value"]) / float(row["null_mean"]) for row in known]
    spread = math.sqrt(fmean((float(row["null_sd"]) / float(row["null_mean"])) ** 2 for row in known))
    draws = min(int(row.get("null_draws") or 1) for row in known)
    error = spread * math.sqrt((1 + 1 / draws) / len(known))
    return Together(median(ratios), (fmean(ratios) - 1) / error if error else math.inf, len(known))


def _by_name(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        found[str(row["name"])][str(row["metric"])] = row
    return found


def _sentences(by_name: Mapping[str, Mapping[str, Row]]) -> Iterable[tuple[str, str]]:
    size = [_number(each, "relative_norm") for each in by_name.values()]
    known = sorted(value for value in size if value is not None)
    if known:
        yield "how large", f"relative norm {median(known):.2e} (median; {known[0]:.1e} to {known[-1]:.1e})"
    for label, metric, says in (
        ("how dense", "bf16_density", "of the entries differ in bf16"),
        ("spectrum", "kappa", "kappa; 1 is what isotropic noise moves the singular values by"),
        ("frames", "angle", "rad, largest principal angle at the gapped k"),
        ("energy", "enrichment_uv", "times chance between the leading sixteenth of directions"),
        ("masks", "overlap_principal", "of the visible changes on principal weights, chance .3"),
        ("rank", "stable_rank", "stable rank of the update"),
    ):
        middle = _median(by_name, metric)
        if middle is None:
            continue
        noise = _median(by_name, metric, "null_mean")
        above, below = _beyond(by_name, metric)
        compared = f"; noise {noise:.3g}, beyond it in {above} up, {below} down" if noise is not None else ""
        yield label, f"{middle:.3g} {says}{compared}"
    turned, floor = _median(by_name, "angle"), _median(by_name, "angle_rounding")
    if turned is not None and floor is not None:
        yield "rounding", f"bf16 rounding of the base alone turns by {floor:.3g} rad: {turned / max(floor, 1e-300):.3g} times that"


def _map(by_name: Mapping[str, Mapping[str, Row]], width: int) -> list[str]:
    """Relative norm by module and layer, a shade each, on the log between the least and the largest."""
    cells: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in by_name.values():
        row = each.get("relative_norm")
        if row is not None and row["value"]:
            cells[str(row["module"])][int(row["layer"])].append(math.log(float(row["value"])))
    values = [math.log(sum(map(math.exp, at)) / len(at)) for layers in cells.values() for at in layers.values()]
    if not values:
        return []
    low, high = min(values), max(values)
    layers = sorted({layer for found in cells.values() for layer in found})
    label = max(map(len, cells)) + 2
    shown = layers[:: max(1, math.ceil(len(layers) / max(1, width - label - 2)))]
    lines = [f"  relative norm by layer, {math.exp(low):.1e} '{SHADES[1]}' to {math.exp(high):.1e} '{SHADES[-1]}'"]
    for module, found in cells.items():
        shades = "".join(_shade(found.get(layer), low, high) for layer in shown)
        lines.append(f"  {module:<{label}}{shades}")
    return [*lines, f"  {'':<{label}}{shown[0]} .. {shown[-1]}"]


def _shade(values: list[float] | None, low: float, high: float) -> str:
    if not values:
        return SHADES[0]
    share = (median(values) - low) / (high - low) if high > low else 1.0
    return SHADES[1 + round(share * (len(SHADES) - 2))]


def _beyond(by_name: Mapping[str, Mapping[str, Row]], metric: str) -> tuple[int, int]:
    """In how many matrices the value lies above and below what the null's draws allow."""
    above = below = 0
    for each in by_name.values():
        row = each.get(metric)
        if row is None or row["value"] is None or row.get("null_mean") is None:
            continue
        mean, spread = float(row["null_mean"]), float(row.get("null_sd") or 0.0)
        room = max(Z * spread, MARGIN * abs(mean))
        above += float(row["value"]) > mean + room
        below += float(row["value"]) < mean - room
    return above, below


def _median(by_name: Mapping[str, Mapping[str, Row]], metric: str, column: str = "value") -> float | None:
    found = [_number(each, metric, column) for each in by_name.values()]
    known = [value for value in found if value is not None]
    return median(known) if known else None


def _number(metrics: Mapping[str, Row], metric: str, column: str = "value") -> float | None:
    value = metrics.get(metric, {}).get(column)
    return None if value is None else float(value)


def _short(path: object) -> str:
    """The last part of a path; of a file, with its folder."""
    parts = Path(str(path)).parts
    return "/".join(parts[-2:]) if Path(str(path)).suffix else parts[-1]


def _wrapped(line: str, width: int) -> list[str]:
    """Broken at spaces under its first word's column; a line of the map is cut instead."""
    if len(line) <= width or "  " in line.strip() and set(line.split()[-1]) <= set(SHADES):
        return [line[:width].rstrip()]
    return textwrap.wrap(line, width, subsequent_indent=" " * 14) or [""]


def _dtypes(rows: Sequence[Row]) -> str:
    kinds = sorted({(str(row["base_dtype"]), str(row["tuned_dtype"])) for row in rows})
    return ", ".join(f"{base} against {tuned}" for base, tuned in kinds)


def _unmatched(unmatched: object | None) -> list[str]:
    if unmatched is None:
        return []
    labels = (("base_only", "in the base only"), ("tuned_only", "in the tuned only"), ("other_shape", "of two shapes"))
    found = [(label, getattr(unmatched, name)) for name, label in labels]
    return [f"  not compared, {label}: {len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" for label, names in found if names]
