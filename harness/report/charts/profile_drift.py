"""Relative change of each singular value, by index, in a band as wide as what noise of equal norm does to that value.

Rows: index, drift, and least and most, the band's edges (missing where no noise was drawn).
"""

from harness.report.charts.profile_parts import called, ends, index, layered, points


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    x = index("index of the singular value")
    scale, axis = ends(nice=False), alt.Axis(format="~%", tickCount=6)
    legend = alt.Legend(title=None, symbolType="square", symbolOpacity=1)
    color = alt.Color("series:N", scale=alt.Scale(domain=["run", "noise"]), legend=legend)
    told = ["index:Q", alt.Tooltip("drift:Q", format="+.3~%"), alt.Tooltip("most:Q", title="noise", format=".3~%")]
    band = called("noise").mark_area(opacity=0.35, interpolate="monotone").encode(
        x=x, y=alt.Y("least:Q", scale=scale, title="relative change", axis=axis), y2="most:Q", color=color
    )
    zero = points().mark_rule().encode(y=alt.datum(0))
    line = called("run").mark_line(strokeWidth=1.5, point={"size": 14}).encode(
        x=x, y=alt.Y("drift:Q", scale=scale), color=color, tooltip=told
    )
    return layered(band, zero, line)
