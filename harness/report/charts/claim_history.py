"""A claim's estimate in every session that judged it: intervals, the verdict as colour and shape, the bound shaded.

Datasets: steps (session, kind, estimate, low, high, n, version), region (low, high).
"""

from typing import Any

import altair as alt

from harness.report.charts.theme import SKY, VERDICTS, plain


def spec() -> dict[str, Any]:
    """Sessions from left to right at equal distances: they come in bursts, and time would put them on one spot."""
    steps = alt.Chart(alt.NamedData("steps"))
    session = alt.X("session:O", title=None, sort=None, axis=alt.Axis(labelAngle=-35, labelOverlap=True))
    kinds = list(VERDICTS)
    colours, shapes = ([look[i] for look in VERDICTS.values()] for i in (0, 1))
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=kinds, range=colours), legend=alt.Legend(columns=2))
    shape = alt.Shape("kind:N", title=None, scale=alt.Scale(domain=kinds, range=shapes))
    value = alt.Y("estimate:Q", title=None, scale=alt.Scale(zero=False))
    told = [alt.Tooltip(f"{name}:N") for name in ("session", "kind", "version", "n")]
    told += [alt.Tooltip(f"{name}:Q", format=".5g") for name in ("estimate", "low", "high")]
    region = alt.Chart(alt.NamedData("region")).mark_rect(color=SKY, opacity=0.22)
    region = region.encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    bars = steps.mark_rule(strokeWidth=3, opacity=0.6).encode(x=session, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    dots = steps.mark_point(filled=True, size=110, opacity=1)
    dots = dots.encode(x=session, y=value, color=colour, shape=shape, tooltip=told)
    return plain(alt.layer(region, bars, dots).properties(width="container", height=220))
