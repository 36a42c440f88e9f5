"""Where the entries that changed lie: shares of them in the masks of the base, beside noise of equal norm and chance.

Rows: mask, share, noise, chance (these two may be missing).
"""

from harness.report.charts.profile_parts import called, layered

TICKS = (("chance", 40), ("noise", 30))
"""Noise is drawn last and shorter: both are seen where they meet."""


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    y = alt.Y("mask:N", title=None, sort=None, axis=alt.Axis(labelLimit=160))
    axis = alt.Axis(format="%", tickCount=6)
    x = alt.X("share:Q", title="share of the changed entries", axis=axis, scale=alt.Scale(domain=[0, 1]))
    told = ["mask:N", *(alt.Tooltip(f"{name}:Q", format=".3~%") for name in ("share", "noise", "chance"))]
    legend = alt.Legend(title=None, symbolType="square")
    color = alt.Color("series:N", scale=alt.Scale(domain=["run", "noise", "chance"]), legend=legend)
    bar = called("run").mark_bar(height={"band": 0.6}).encode(x=x, y=y, tooltip=told, color=color)
    ticks = [
        called(name).mark_tick(thickness=3, bandSize=size).encode(x=f"{name}:Q", y=y, tooltip=told, color=color)
        for name, size in TICKS
    ]
    return layered(bar, *ticks, height=140, params=())
