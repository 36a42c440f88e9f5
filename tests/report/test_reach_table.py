"""The reach table: what fits a terminal, what a line says, and the sentence at the end."""

import io
import json

import pytest
from harness.engine.reach import Measured
from harness.engine.reach_rows import Checked, Row
from harness.report.reach_table import COLUMNS, GAP, Printer, fitting, render, summary
from harness.spectra.footprint import Footprint
from rich.console import Console

PRINT = Footprint(**dict.fromkeys(Footprint._fields, 0.25) | {"rank": 8})
MEASURED = Measured("lora", {"w": PRINT}, {}, (), 17408, 0.0, (4.6, 4.0), 1e-6, {}, {}, 0.5)
GOOD = Row("lora", "any", True, (Checked("energy beyond r", 1e-14, "< 1e-05", True),), MEASURED)
BAD = Row("geora", "complement", False, (Checked("leading r / chance", 0.8, "< 0.33", False),), MEASURED)
UNMEASURED = Row("mpt", "none", True, why="it trains vectors")
FAILED = Row("oft", "right", True, why="TypeError: gone", failed=True)


def printed(*rows, width=120):
    out = io.StringIO()
    printer = Printer(Console(file=out, width=width))
    for row in rows:
        printer.add(row)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200, 400])
def test_a_table_is_no_wider_than_its_terminal(width):
    shown = fitting(width)
    assert sum(each.width + GAP for each in shown) - GAP <= max(width, COLUMNS[0].width)
    lines = printed(GOOD, BAD, UNMEASURED, FAILED, width=width)
    assert max(map(len, lines)) <= width


def test_the_verdict_stays_when_room_is_short():
    assert [each.head for each in fitting(60)] == ["tuner", "class", "measured", "limit", "so"]
    assert len(fitting(400)) == len(COLUMNS)


def test_lines_say_what_was_measured():
    head, good, bad, unmeasured, failed = printed(GOOD, BAD, UNMEASURED, FAILED)
    assert head.split()[:2] == ["tuner", "class"]
    assert good.split()[:2] == ["lora", "any"] and " yes " in good and "0.25 (0.25)" in good
    assert "complement ~" in bad and " NO " in bad
    assert "not measured: it trains vectors" in unmeasured and "failed: TypeError: gone" in failed


def test_the_end_says_which_was_not_borne_out():
    said = summary([GOOD, BAD, UNMEASURED, FAILED], 0, 25).splitlines()
    assert said[0] == "1 of 3 tuners are as registered (seed 0, 25 steps); 1 not measured."
    assert said[1:] == ["  geora is not: leading r / chance is 0.8, not < 0.33", "  oft is not: TypeError: gone"]
    assert summary([GOOD], 0, 25) == "1 of 1 tuners are as registered (seed 0, 25 steps)."


def test_json_and_csv_hold_every_number_with_its_chance():
    records = json.loads(render([GOOD, UNMEASURED], "json"))
    assert [each["as_registered"] for each in records] == [True, None]
    assert records[0]["p_left"] == 0.25 and records[0]["chance_left"] == 0.25 and records[1]["p_left"] is None
    lines = render([GOOD, UNMEASURED], "csv").splitlines()
    assert len(lines) == 3 and lines[0].startswith("tuner,reach,exact,as_registered,why,read_as,value,limit")
