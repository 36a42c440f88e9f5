"""What the charts of a run's page share: scales that stand still while a slider moves, curves told by dash, and their size.

The ends of a scale are parameters, "low" and "high", that the page sets to the extremes over all steps (side by side, over all
runs too): a slider then shows the curve move, not the axis. Colours are the theme's, in the order run, noise.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

HEIGHT = 240
SOLID, DASHED = [1, 0], [5, 4]
STROKES = {"title": None, "symbolType": "stroke", "symbolSize": 300, "labelLimit": 180}
"""A legend of lines."""


def points(dataset: str = "points") -> "alt.Chart":
    """A chart of a named dataset."""
    import altair as alt

    return alt.Chart(alt.NamedData(dataset))


def called(name: str, dataset: str = "points") -> "alt.Chart":
    """The same, with its marks' name in the field "series", for the legend (a datum can have no scale of its own)."""
    return points(dataset).transform_calculate(series=f"'{name}'")


def ends(**scale: Any) -> "alt.Scale":
    """A scale from the parameter low to the parameter high."""
    import altair as alt

    return alt.Scale(domain=[alt.ExprRef("low"), alt.ExprRef("high")], **scale)


def index(title: str) -> "alt.X":
    """The axis of a curve: positions from 1."""
    import altair as alt

    return alt.X("index:Q", title=title, scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickMinStep=1, tickCount=8))


def layered(*layers: "alt.Chart", height: int = HEIGHT, params: Sequence[str] = ("low", "high")) -> dict[str, Any]:
    """Layers as one spec that fills its element's width."""
    import altair as alt

    from harness.report.charts.theme import plain

    made = plain(alt.layer(*layers).properties(width="container", height=height))
    # A description of each mark costs more than drawing it, and no one hears it: the page's chart is one image with a sentence.
    return made | {"params": [{"name": name, "value": None} for name in params], "config": {"aria": False}}
