"""Energy of an update over the plane of its base's singular directions, in units of chance.

Rows: u, v (block numbers from 1, leading first), chance (energy over chance), log2 (its logarithm, cut at the scale's ends).
White is chance; the scale runs as far below it as above, since 4 times and a quarter are equally far off.
"""

from harness.report.charts.profile_parts import ends, layered, points

NUMBER = "datum.value >= 0 ? format(pow(2, datum.value), '.2~r') : '1/' + format(pow(2, -datum.value), '.2~r')"


def spec() -> dict:
    """Vega-Lite without data."""
    import altair as alt

    blocks = alt.Axis(labelOverlap=True, ticks=False, domain=False, labelAngle=0)
    legend = alt.Legend(
        title="times chance", labelExpr=NUMBER, tickCount=5, orient="bottom", gradientLength=200, direction="horizontal"
    )
    scale = ends(scheme="blueorange", domainMid=0, clamp=True)
    cells = points().mark_rect().encode(
        x=alt.X("v:O", title="block of V, leading first", axis=blocks),
        y=alt.Y("u:O", title="block of U, leading first", axis=blocks),
        color=alt.Color("log2:Q", scale=scale, legend=legend),
        tooltip=["u:O", "v:O", alt.Tooltip("chance:Q", title="times chance", format=".3g")],
    )
    return layered(cells, height=320)
