"""Singular values of a matrix before and after training, by index, on a log scale.

Rows: index, value, series ("before" or "after"), broad (its width in pixels). Before is a broad line below the thin one of
after, since mostly they lie on each other.
"""

from harness.report.charts.profile_parts import STROKES, ends, index, layered, points


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    series = ["after", "before"]
    line = points().mark_line(clip=True).encode(
        x=index("index of the singular value"),
        y=alt.Y("value:Q", title="singular value", scale=ends(type="log", nice=False), axis=alt.Axis(format="~g", tickCount=5)),
        color=alt.Color("series:N", scale=alt.Scale(domain=series), legend=alt.Legend(**STROKES)),
        size=alt.Size("broad:Q", scale=None),
        tooltip=["series:N", "index:Q", alt.Tooltip("value:Q", format=".4g")],
    )
    return layered(line)
