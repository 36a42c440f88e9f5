"""A number of every layer, a line a module, and what noise gives on the median over modules.

Rows of "points": layer, module, value. "noise": layer, value (no rows where none was drawn). The title says which number it is.
"""

from harness.report.charts.profile_parts import DASHED, ends, layered, points


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    x = alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format="~g", tickCount=6), scale=ends(nice=False))
    modules = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=130)
    told = ["module:N", "layer:O", alt.Tooltip("value:Q", format=".4g")]
    noise = points("noise").mark_line(strokeDash=DASHED, color="#808080").encode(x=x, y=y, tooltip=["layer:O", "value:Q"])
    line = points().mark_line(strokeWidth=1.5, point={"size": 45, "filled": True}).encode(
        x=x, y=y, color=alt.Color("module:N", legend=modules), shape=alt.Shape("module:N", legend=modules), tooltip=told
    )
    return layered(noise, line, height=220)
