"""Charts of the report as Vega-Lite specs without data: one kind a module, each with `spec()`.

A spec names its datasets and the page fills them when the chart is drawn, so that a hundred thousand verdicts need one spec.
A chart is called by its module's name; modules without `spec` (theme, parts that charts share) are not charts.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


@cache
def specs() -> dict[str, dict[str, Any]]:
    """Kind to Vega-Lite spec; altair checks each against Vega-Lite's schema while it is made."""
    modules = {found.name: import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)}
    return {name: module.spec() for name, module in sorted(modules.items()) if hasattr(module, "spec")}
