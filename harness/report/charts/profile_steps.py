"""How a matrix's main numbers evolve over training, as multiples of what noise or chance gives; a line marks the step shown.

Rows of "points": step, value, series (one of SERIES). "now": step.
"""

from harness.report.charts.profile_parts import DASHED, ends, layered, points

SERIES = ("drift / noise", "angle / noise", "leading block / chance", "M_princ / noise")
SHAPES = ("circle", "diamond", "triangle-up", "square")


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    x = alt.X("step:Q", title="training step", axis=alt.Axis(tickCount=8, tickMinStep=1))
    axis = alt.Axis(format="~g", tickCount=5)
    times = alt.Y("value:Q", title="times noise or chance", scale=ends(type="log", nice=False), axis=axis)
    legend = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=160)
    line = points().mark_line(point={"size": 45, "filled": True}).encode(
        x=x,
        y=times,
        color=alt.Color("series:N", scale=alt.Scale(domain=list(SERIES)), legend=legend),
        shape=alt.Shape("series:N", scale=alt.Scale(domain=list(SERIES), range=list(SHAPES)), legend=legend),
        tooltip=["series:N", "step:Q", alt.Tooltip("value:Q", format=".3g")],
    )
    chance = points("now").mark_rule().encode(y=alt.datum(1))
    now = points("now").mark_rule(strokeDash=DASHED).encode(x="step:Q")
    return layered(chance, now, line, height=220)
