"""Which entries of a matrix changed in bf16: a map of shares by bin, with the shares of whole rows and columns as its margins.

Rows of "points": part ("map", "rows" or "columns"), x0, x1, y0, y1 (fractions of the matrix; the margins lie beyond 1), share,
where (row, column and share in words, for the tooltip: formatting them in an expression takes longer than drawing). "expected":
the corners of the lines that noise of the same norm would reach in the margins.
One view rather than four: a concatenation cannot fill its element's width, and its parts would be exported one by one. Drawn on
a canvas, since 4,000 SVG elements do not follow a slider.
"""

from harness.report.charts.profile_parts import called, layered, points

EDGE = 1.22
"""Where the margins end, in matrices: the map is 1 wide, a gap .02, the bars up to .2."""


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format="%", grid=False, domain=False)
    x = alt.X("x0:Q", title="columns of the matrix", scale=alt.Scale(domain=[0, EDGE], nice=False), axis=axis)
    y = alt.Y("y0:Q", title="rows of the matrix", scale=alt.Scale(domain=[1, 1 - EDGE], nice=False), axis=axis)
    below = {"orient": "bottom", "direction": "horizontal"}
    shares = alt.Legend(title="share changed", format="~%", gradientLength=180, tickCount=3, **below)
    color = alt.Color("share:Q", scale=alt.Scale(scheme="cividis", domain=[0, alt.ExprRef("high")], clamp=True), legend=shares)
    bins = points().mark_rect(strokeWidth=0).encode(x=x, x2="x1:Q", y=y, y2="y1:Q", color=color, tooltip=alt.Tooltip("where:N"))
    lines = alt.Legend(title=None, symbolType="stroke", **below)
    # The theme's second colour, the noise's elsewhere, is lost on the yellow of the map.
    noise = alt.Stroke("series:N", scale=alt.Scale(domain=["noise"], range=["#d55e00"]), legend=lines)
    line = called("noise", "expected").mark_rule(strokeWidth=2).encode(x=x, x2="x1:Q", y=y, y2="y1:Q", stroke=noise)
    made = layered(bins, line, height=380, params=("high",))
    return made | {"usermeta": {"embedOptions": {"renderer": "canvas"}}}
