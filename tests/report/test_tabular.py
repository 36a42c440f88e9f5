import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.report import tabular

NAMES = ["claim", "n", "value", "list"]
ROWS = [("a,b", 5, 0.123456789, [1.0, None]), ('say "x"|y', None, None, None)]


def test_plain_text_is_aligned_numbers_to_the_right():
    assert tabular.render(NAMES, ROWS).splitlines() == [
        "claim      n     value  list",
        "a,b        5  0.123457  [1, ]",
        'say "x"|y',
    ]


def test_csv_reads_back_with_full_precision():
    read = list(csv.reader(io.StringIO(tabular.render(NAMES, ROWS, "csv"))))
    assert read[1][:3] == ["a,b", "5", "0.123456789"] and read[2][:3] == ['say "x"|y', "", ""]


def test_json_keeps_missing_apart_from_zero():
    when = datetime(2026, 11, 21, tzinfo=UTC)
    read = json.loads(tabular.render([*NAMES, "at"], [(*row, when) for row in ROWS], "json"))
    assert read[0]["list"] == [1.0, None] and read[1]["value"] is None
    assert read[0]["at"] == "2026-11-21 00:00:00+00:00"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("nan")]], ids=["nan", "inf", "list"])
def test_json_has_no_nan(value):
    assert "NaN" not in tabular.render(["x"], [(value,)], "json") and "Infinity" not in tabular.render(["x"], [(value,)], "json")


def test_markdown_escapes_bars():
    assert tabular.render(["claim"], [("|a|",)], "md") == "| claim |\n| --- |\n| \\|a\\| |"


def test_equal_names_are_made_distinct():
    assert tabular.unique(["n", "m", "n", "n"]) == ["n", "m", "n_2", "n_3"]


def test_no_rows_are_a_header_alone():
    assert tabular.render(NAMES, []) == "claim  n  value  list"


def test_rich_draws_every_cell(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    tabular.print_table(NAMES, [("[bold]a[/bold]", 1, 2.5, None)])
    assert "[bold]a[/bold]" in capsys.readouterr().out


def test_a_result_too_wide_for_the_terminal_is_one_block_a_row(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    tabular.print_table(NAMES, ROWS)
    assert capsys.readouterr().out == 'claim  a,b\nn      5\nvalue  0.123457\nlist   [1, ]\n\nclaim  say "x"|y\n'


def test_lists_in_csv_are_json():
    assert tabular.render(["a", "b"], [([1.5, None], {"x": Decimal("0.5")})], "csv") == 'a,b\n"[1.5, null]","{""x"": 0.5}"'


def test_a_result_goes_to_arrow_and_back():
    table = tabular.to_arrow(["a", "b"], [(1, "x"), (2, "y")])
    assert tabular.rows_of(table) == (["a", "b"], [(1, "x"), (2, "y")]) and tabular.rows_of(None) == ([], [])


@pytest.mark.parametrize("format", [*tabular.FORMATS, "parquet"])
def test_a_file_is_whole_or_not_there(tmp_path, format):
    table = pa.table([pa.array([1]), pa.array([2])], names=["n", "n"])
    tabular.write(table, tmp_path / "out", format)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    if format == "parquet":
        assert pq.read_table(tmp_path / "out").to_pylist() == [{"n": 1, "n_2": 2}]
    with pytest.raises(StoreError, match="cannot write .*name another file with --out"):
        tabular.write(table, tmp_path / "nowhere" / "out", format)
