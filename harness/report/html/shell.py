"""One self-contained HTML file out of a store.

Everything is inlined: styles, scripts, the store's numbers as JSON, charts as Vega-Lite specs, and Vega itself as inert text
that runs when the first chart is drawn. The page's own content policy forbids it to load anything.
Trap: text of the store may hold "</script>": in JSON "<" is written as \\u003c, so that no value can end its block.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.errors import HarnessError
from harness.store.reader import connect

if TYPE_CHECKING:
    import duckdb

NEEDED = {"altair": "altair", "jinja2": "jinja2", "vl_convert": "vl-convert-python"}
PROVIDERS = ("harness.report.html.data", "harness.report.html.profiles")
"""Modules with `blocks(connection)`: named JSON blocks of the page; one that is not installed is left out."""
FIRST = ("core", "tables", "charts")
"""Scripts and styles that the others build on."""
AT_ONCE = ("page", "runs", "claims", "changes")
"""Blocks of the first screen, which is drawn before the browser has read the others."""
TITLE = "Claims on trial"
EXPORTS = "window.vegaEmbed = vegaEmbed;"


def render(results_dir: str | Path, title: str = TITLE) -> str:
    """The report of a store as one HTML text.

    Args:
        results_dir: the results folder; one without a session makes a page that says so.
        title: of the page, and of its tab.

    Raises:
        StoreError: a file of the store cannot be read.
        HarnessError: a package that reports need is not installed.
    """
    require()
    with connect(results_dir) as connection:
        blocks = _blocks(connection)
    return _page(blocks, title, Path(results_dir).name)


def require() -> None:
    """Raise one sentence with what to install where a package that reports need is missing."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        lacks = f"a report needs {' and '.join(missing)}, which this Python lacks"
        raise HarnessError(f"{lacks}: pip install 'spectral-claims[report]'")


def escaped(value: Any) -> str:
    """JSON that no HTML parser can take for the end of its script.

    Raises:
        ValueError: a number is not finite; the store holds none, so a provider computed it.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _blocks(connection: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Every provider's blocks, with the charts' specs and themes."""
    from harness.report import charts
    from harness.report.charts import theme

    found: dict[str, Any] = {}
    for module in PROVIDERS:
        if find_spec(module) is not None:
            found |= _new(found, import_module(module).blocks(connection), module)
    return found | {"theme": theme.themes(), "specs": charts.specs()}


def _new(known: Mapping[str, Any], more: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    taken = known.keys() & more.keys()
    assert not taken, f"{module} gives blocks that are there already: {sorted(taken)}"
    return more


def _page(blocks: Mapping[str, Any], title: str, store: str) -> str:
    import jinja2
    from markupsafe import Markup

    texts = {name: Markup(escaped(value)) for name, value in blocks.items()}
    loader = jinja2.PackageLoader("harness.report.html", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("shell.html.j2").render(
        title=title,
        store=store,
        version=__version__,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        css=Markup("\n".join(assets("css"))),
        first={name: text for name, text in texts.items() if name in AT_ONCE},
        rest={name: text for name, text in texts.items() if name not in AT_ONCE},
        vega=Markup(_library()),
        scripts=[Markup(_inert(script)) for script in assets("js")],
    )


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, whose short names stay its own."""
    import vl_convert

    bundle = vl_convert.javascript_bundle(EXPORTS, vl_version=vl_convert.get_vegalite_versions()[-1])
    return _inert(f"(() => {{{bundle}\n}})();")


def assets(ending: str) -> Iterator[str]:
    """Texts of assets/*.<ending>, what the others build on first, then by name."""
    folder = resources.files("harness.report.html").joinpath("assets")
    files = [path for path in folder.iterdir() if path.name.endswith(f".{ending}")]
    rank = {f"{name}.{ending}": place for place, name in enumerate(FIRST)}
    for path in sorted(files, key=lambda path: (rank.get(path.name, len(rank)), path.name)):
        yield path.read_text(encoding="utf-8")


def _inert(script: str) -> str:
    """A script that an HTML parser reads to its end; inside a string literal "<\\/script" is the same text."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
