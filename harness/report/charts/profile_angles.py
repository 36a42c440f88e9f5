"""Principal angles between the leading spaces before and after, left and right, beside those of noise of equal norm.

Rows: index, value (degrees), side ("left" or "right"), series ("run" or "noise").
"""

from harness.report.charts.profile_parts import DASHED, SOLID, STROKES, ends, index, layered, points


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    # The second colour is the noise's elsewhere: it is left out here.
    named = alt.Legend(values=["left", "right"], **STROKES)
    sides = alt.Color("side:N", scale=alt.Scale(domain=["left", "", "right"]), legend=named)
    dashes = alt.Scale(domain=["run", "noise"], range=[SOLID, DASHED])
    line = points().mark_line().encode(
        x=index("index of the angle"),
        y=alt.Y("value:Q", title="degrees", scale=ends(nice=False), axis=alt.Axis(tickCount=6)),
        color=sides,
        strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=alt.Legend(**STROKES)),
        tooltip=["side:N", "series:N", "index:Q", alt.Tooltip("value:Q", title="degrees", format=".3g")],
    )
    return layered(line)
