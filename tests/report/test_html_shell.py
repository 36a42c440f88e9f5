import json
from html.parser import HTMLParser

import pytest
from harness.report import charts
from harness.report.html import shell

pytest.importorskip("altair")
pytest.importorskip("vl_convert")


class Read(HTMLParser):
    """Scripts by id or number, and every address that a browser would load."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.scripts, self.loads, self.inside = {}, [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script":
            self.inside = given.get("id", f"script {len(self.scripts)}")
            self.scripts[self.inside] = ""
        self.loads += [given[name] for name in ("src", "srcset", "data", "poster") if name in given]
        self.loads += [given["href"]] if tag == "link" else []

    def handle_data(self, data):
        if self.inside is not None:
            self.scripts[self.inside] += data

    def handle_endtag(self, tag):
        self.inside = None if tag == "script" else self.inside


def test_no_value_ends_its_script():
    value = {"says": "</script><script>alert(1)</script><!-- <script>"}
    text = shell.escaped(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_a_number_that_is_not_finite_is_refused():
    with pytest.raises(ValueError):
        shell.escaped({"value": float("nan")})


def test_the_page_loads_nothing_and_is_whole(judged):
    judged("drifts", "turns")
    read = Read(shell.render(judged.folder, "T"))
    assert read.loads == ["data:,"]
    claims = json.loads(read.scripts["data-claims"])
    assert claims["n"] == 2 and claims["strings"]["claim_id"] == ["paper/drifts", "paper/turns"]
    assert "vegaEmbed" in read.scripts["vega"]
    assert sum(name.startswith("script ") for name in read.scripts) == len(list(shell.assets("js"))) + 1


def test_core_comes_before_what_builds_on_it():
    first, second, third, *others = shell.assets("js")
    assert "const SC = " in first and "csv, table }" in second and "SC.chart = " in third
    assert not any("const SC = " in script for script in others)


def sources(spec):
    """Every `data` of a spec and its layers."""
    found = [spec["data"]] if "data" in spec else []
    parts = [part for name in ("layer", "hconcat", "vconcat") for part in spec.get(name, ())]
    for part in [*parts, *([spec["spec"]] if "spec" in spec else ())]:
        found += sources(part)
    return found


def test_specs_hold_no_data_and_no_colours_of_altair():
    made = charts.specs()
    assert {"claim_seeds", "claim_history"} <= made.keys()
    for name, spec in made.items():
        assert sources(spec) and all(set(source) == {"name"} for source in sources(spec)), name
        assert "datasets" not in spec, name
        assert "continuousWidth" not in json.dumps(spec.get("config", {})), name
