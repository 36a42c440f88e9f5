from datetime import UTC, datetime

import pyarrow as pa
import pytest
from harness.report.html.columnar import encode, from_columns, short


def decoded(table):
    words = table["strings"]
    return {
        name: [value if name not in words or value is None else words[name][value] for value in values]
        for name, values in table["columns"].items()
    }


COLUMNS = {"paper": ["a", None, "a", "b"], "estimate": [0.25, None, 3.0, 1 / 3]}
COLUMNS |= {"n": [1, 2, None, 4], "is": [True, None, False, True]}


@pytest.mark.parametrize("make", [from_columns, lambda columns: encode(pa.table(columns))], ids=["lists", "arrow"])
def test_every_value_comes_back(make):
    made = make(COLUMNS)
    assert made["n"] == 4
    assert made["strings"] == {"paper": ["a", "b"]}
    assert decoded(made) == COLUMNS | {"estimate": [0.25, None, 3, 0.3333333]}


def test_both_ways_agree_on_lists_and_times():
    columns = {"values": [[0.1, None], None, [2.0]], "started": [datetime(2026, 11, 22, 15, 36, 56, 1, UTC), None, None]}
    assert encode(pa.table(columns)) == from_columns(columns)
    assert from_columns(columns)["columns"]["values"] == [[0.1, None], None, [2]]
    assert decoded(from_columns(columns))["started"][0] == "2026-11-22 15:36:56"


def test_no_rows():
    assert from_columns({"paper": []}) == {"n": 0, "columns": {"paper": []}, "strings": {}}
    assert encode(pa.table({"paper": pa.array([], pa.string())}))["n"] == 0


@pytest.mark.parametrize("value, told", [(0.1 + 0.2, 0.3), (1e-30, 1e-30), (-2.0, -2), (1e300, 1e300)])
def test_seven_digits(value, told):
    assert short(value) == told
