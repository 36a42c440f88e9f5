"""An error says what is not there, what was meant, and points at it."""

import pytest
from harness.errors import StoreError
from harness.store import guard


@pytest.fixture
def says(store, rows):
    store(verdicts=[rows.verdict_row()])
    opened = guard.open_store(store.folder)

    def failing(sql):
        with pytest.raises(StoreError) as caught:
            for text in list(guard.statements(opened, sql)):
                guard.run(opened, text)
        return str(caught.value)

    yield failing
    opened.connection.close()


@pytest.mark.parametrize(
    ("sql", "sentence", "line", "column"),
    [
        ("select claim_id, estimte from verdicts", 'Binder Error: there is no column "estimte" here; did you mean "estimate"?', 0, 17),
        ("select claim_id\nfrom verdicts\nwhere v.verdct = 'x'", 'there is no table "v"', 2, 6),
        ("select v.verdct from verdicts as v", 'there is no column "verdct" here; did you mean "verdict"?', 0, 7),
        ("select 'é', scal from runs", 'there is no column "scal" here; did you mean "scales"?', 0, 12),
        ("select zzzzz from flips", 'there is no column "zzzzz" here; did you mean', 0, 7),
        ("from verdits", 'Catalog Error: there is no table "verdits"; did you mean "verdicts"?', 0, 5),
        ("select claim_id fro verdicts", 'Parser Error: syntax error at or near "verdicts"', 0, 20),
        ("select lenght(claim_id) from verdicts", "Scalar Function with name lenght does not exist", 0, 7),
        ("select claim_id::int from verdicts", "Conversion Error: Could not convert string 'paper/claim'", 0, 15),
        ("select claim_id, n from verdicts group by claim_id", 'column "n" must appear in the GROUP BY clause', 0, 17),
    ],
)
def test_the_place_is_pointed_at(says, sql, sentence, line, column):
    first, *pointer = says(sql).split("\n")
    assert first.startswith("the query failed: ") and sentence in first
    assert pointer == [f"  {sql.splitlines()[line]}", "  " + " " * column + "^"]


def test_columns_of_other_tables_are_not_suggested(says):
    """`git_sha` is in runs alone."""
    assert 'did you mean "spec_sha"' in says("select gitsha from verdicts") or "git_sha" not in says("select gitsha from verdicts")
    assert 'did you mean "git_sha"' in says("select gitsha from runs")


def test_an_error_without_a_place_is_one_line(says):
    assert "\n" not in says("select $x")
