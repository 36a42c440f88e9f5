"""The named queries: their headers, their parameters, and that every one runs on any store."""

import datetime

import pytest
from harness.errors import StoreError
from harness.store import guard
from harness.store.queries.queries import all_queries, parse, source
from harness.store.reader import DERIVED, query
from harness.store.schema import COLUMNS

QUERIES = all_queries()
TEN = {
    "flips", "noise-explains", "rl-vs-sft", "layers", "scale-dependent", "to-settle", "cost", "slowest-arms", "versions", "effect-vs-norm",
}  # fmt: skip


def test_the_ten_questions_are_there():
    assert TEN <= QUERIES.keys()


@pytest.mark.parametrize("name", QUERIES)
def test_a_header_says_what_is_answered_and_taken(name):
    named = QUERIES[name]
    assert named.question.endswith("?") and len(named.notes) > 80 and named.empty and source(name).startswith("-- ")
    for parameter in named.parameters:
        assert f"${parameter.name}" in named.sql


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_runs_on_an_empty_store(name, tmp_path):
    bound = QUERIES[name].bind(["x/y"] if name == "evidence" else [], {})
    assert query(tmp_path, QUERIES[name].sql, bound).num_rows == 0


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_read_only(name, tmp_path):
    opened = guard.open_store(tmp_path)
    assert len(list(guard.statements(opened, QUERIES[name].sql))) == 1
    opened.connection.close()


def test_no_query_hides_a_table_or_a_view_but_flips():
    """`flips` shows fewer columns than its view; any other name means one thing."""
    assert set(QUERIES) & {*COLUMNS, *DERIVED} == {"flips"}


HEADER = """-- Which?
--
-- One row each.
-- argument library text =: which one
-- option limit int = 20: rows at most: 0 for all
-- option since date =: from that day on
-- empty: none
SELECT $limit, $library, $since
"""


def test_values_are_bound_by_type():
    named = parse("x.sql", HEADER)
    assert (named.usage, named.empty, named.notes) == ("x [LIBRARY]", "none", "One row each.")
    assert named.bind([], {}) == {"library": None, "limit": 20, "since": None}
    assert named.bind(["torch"], {"limit": "3", "since": "2026-11-01"}) == {
        "library": "torch", "limit": 3, "since": datetime.date(2026, 11, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ([], {"limt": "3"}, "x has no parameter 'limt'; did you mean 'limit'?"),
        ([], {"zzz": "3"}, "x has no parameter 'zzz'; it has library, limit, since"),
        ([], {"limit": "many"}, "limit=many: give a whole number"),
        ([], {"since": "yesterday"}, "since=yesterday: give a day such as 2026-11-01"),
        (["torch", "numpy"], {}, "x takes only library, so what is 'numpy'"),
    ],
    ids=["misspelt", "unknown", "no-number", "no-day", "too-many"],
)
def test_bad_values_are_one_sentence(arguments, options, says):
    with pytest.raises(StoreError, match=says.replace("?", r"\?")):
        parse("x.sql", HEADER).bind(arguments, options)


@pytest.mark.parametrize("text", ["SELECT 1", "-- Which?\n-- option limit = 3: rows\nSELECT 1"], ids=["no-header", "no-type"])
def test_a_file_without_its_header_is_refused(text):
    with pytest.raises(StoreError, match="x.sql"):
        parse("x.sql", text)
