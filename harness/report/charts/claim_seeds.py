"""A claim's number seed by seed beside its null, its plant and its twin, with the bound shaded: would noise do?

Datasets: points (series, role, seed, value, dy), intervals (series, role, low, high, estimate), region (low, high, told),
limits (limit). Everything lies on one axis; the page sets its scale (log where the bound is judged on the log), its domain and
the order of rows.
`dy` is where in its row of ROW pixels a dot lies, since replicates may be equal.
"""

from typing import Any

import altair as alt

from harness.report.charts.theme import ROLES, SHAPES, SKY, plain

ROW = 54


def spec() -> dict[str, Any]:
    """Layers from back to front: where the claim holds, its limits, intervals, dots, estimates."""
    colour = alt.Color("role:N", scale=alt.Scale(domain=list(ROLES)), legend=None)
    shape = alt.Shape("role:N", scale=alt.Scale(domain=list(ROLES), range=list(SHAPES)), legend=None)
    rows = alt.Y("series:N", title=None, scale=alt.Scale(padding=0), axis=alt.Axis(domain=False, ticks=False, labelPadding=8))
    value = alt.X("value:Q", title=None)
    holds = [alt.Tooltip("told:N", title="the claim says")]
    region = alt.Chart(alt.NamedData("region")).mark_rect(color=SKY, opacity=0.22).encode(x="low:Q", x2="high:Q", tooltip=holds)
    limits = alt.Chart(alt.NamedData("limits")).mark_rule(strokeDash=[5, 3], strokeWidth=1.5)
    limits = limits.encode(x="limit:Q", tooltip=["limit:Q"])
    ends = [alt.Tooltip("series:N"), *(alt.Tooltip(f"{name}:Q", format=".4g") for name in ("estimate", "low", "high"))]
    intervals = alt.Chart(alt.NamedData("intervals"))
    bars = intervals.mark_rule(strokeWidth=14, opacity=0.3).encode(x="low:Q", x2="high:Q", y=rows, color=colour, tooltip=ends)
    estimates = intervals.mark_tick(thickness=3, size=30).encode(x="estimate:Q", y=rows, color=colour, tooltip=ends)
    told = [alt.Tooltip("series:N"), alt.Tooltip("seed:Q"), alt.Tooltip("value:Q", format=".6g")]
    dots = (
        alt.Chart(alt.NamedData("points"))
        .mark_point(filled=True, size=62, opacity=0.9)
        .encode(x=value, y=rows, color=colour, shape=shape, yOffset=alt.YOffset("dy:Q", scale=None), tooltip=told)
    )
    return plain(alt.layer(region, limits, bars, dots, estimates).properties(width="container", height=4 * ROW))
