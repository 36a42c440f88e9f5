"""How charts look, light and dark: one Vega-Lite config each, that the page applies when it draws.

Colours are those of Okabe & Ito 2008, told apart with any colour vision, the blue lightened and the black turned to grey for
dark paper. Series are told by shape or dash as well, never by colour alone. Specs carry no colours of their own: a nominal
scale takes `range.category` in the order of its domain.
"""

from typing import Any

import altair

BLUE, ORANGE, GREEN, GREY, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#6b7280", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442"
)  # fmt: skip
ROLES = ("claim", "null", "plant", "floor")
"""Domain of a series' role; colours and shapes follow in this order."""
SHAPES = ("circle", "diamond", "triangle-up", "square")
VERDICTS = {
    "supported": ("#2f8fd0", "circle"),
    "refuted": (VERMILION, "cross"),
    "null explains it": (ORANGE, "diamond"),
    "inconclusive": ("#8a929d", "triangle-up"),
}
"""Colour and shape of a verdict, on light and dark paper."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


def config(is_dark: bool) -> dict[str, Any]:
    """The Vega-Lite config of one theme."""
    light, dark = ("#1c2024", "#4b5563", "#dfe3e8", "#ffffff"), ("#e8eaed", "#b4bac4", "#3d444f", "#1b1f26")
    ink, quiet, line, paper = dark if is_dark else light
    first, grey = (SKY, "#a9b1bc") if is_dark else (BLUE, GREY)
    last = BLUE if is_dark else SKY
    text = {"labelColor": quiet, "titleColor": ink, "labelFont": FONT, "titleFont": FONT, "titleFontWeight": 500}
    sizes = {"labelFontSize": 12, "titleFontSize": 12}
    return {
        "background": paper,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {**text, **sizes, "gridColor": line, "domainColor": quiet, "tickColor": quiet, "labelLimit": 220},
        "legend": {**text, **sizes, "orient": "top", "symbolSize": 90},
        "header": text,
        "title": {"color": ink, "font": FONT, "fontSize": 13, "fontWeight": 500, "anchor": "start"},
        "text": {"color": ink, "font": FONT},
        "rule": {"color": quiet},
        "mark": {"color": first},
        "line": {"strokeWidth": 2},
        "range": {
            "category": [first, ORANGE, GREEN, grey, VERMILION, last, PURPLE, YELLOW],
            "heatmap": {"scheme": "viridis"},
            "ramp": {"scheme": "viridis"},
            "diverging": {"scheme": "purpleorange"},
        },
    }


def themes() -> dict[str, dict[str, Any]]:
    """"light" and "dark"."""
    return {"light": config(False), "dark": config(True)}


def plain(chart: "altair.TopLevelMixin") -> dict[str, Any]:
    """A chart as a spec without altair's own config, which would win over the theme's."""
    made = chart.to_dict()
    made.pop("config", None)
    return made
