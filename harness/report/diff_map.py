"""A map of relative norms: a line a module, a shade a layer, on the log between the least and the largest."""

import math
from collections import defaultdict
from statistics import fmean

from harness.report.diff_rows import ByName

SHADES = " .:-=+*#%@"
MOST_MODULES = 16


def heat_map(matrices: ByName, width: int) -> list[str]:
    """The lines; none where nothing moved, and where the model has no layers. Several matrices of a cell (experts) are averaged."""
    norms: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in matrices.values():
        row = each.get("relative_norm")
        if row is not None and row["value"] and int(row["layer"]) >= 0:
            norms[str(row["module"])][int(row["layer"])].append(float(row["value"]))
    cells = {module: {layer: math.log(fmean(found)) for layer, found in by_layer.items()} for module, by_layer in norms.items()}
    values = [value for by_layer in cells.values() for value in by_layer.values()]
    if not values:
        return []
    low, high = min(values), max(values)
    layers = sorted({layer for by_layer in cells.values() for layer in by_layer})
    label = max(map(len, cells)) + 2
    shown = layers[:: max(1, math.ceil(len(layers) / max(1, width - label - 2)))]
    lines = [f"  relative norm by layer, {math.exp(low):.1e} '{SHADES[1]}' to {math.exp(high):.1e} '{SHADES[-1]}'"]
    for module, by_layer in sorted(cells.items())[:MOST_MODULES]:
        lines.append(f"  {module:<{label}}" + "".join(_shade(by_layer.get(layer), low, high) for layer in shown))
    if len(cells) > MOST_MODULES:
        lines.append(f"  and {len(cells) - MOST_MODULES} modules more")
    return [*lines, f"  {'':<{label}}{shown[0]} .. {shown[-1]}"]


def is_shaded(line: str) -> bool:
    """Whether a line is one of the map's, which must not be broken at its blanks."""
    return "  " in line.strip() and set(line.split()[-1]) <= set(SHADES)


def _shade(value: float | None, low: float, high: float) -> str:
    if value is None:
        return SHADES[0]
    share = (value - low) / (high - low) if high > low else 1.0
    return SHADES[1 + round(share * (len(SHADES) - 2))]
