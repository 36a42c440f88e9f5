from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan

import numpy as np
import pytest
from harness.errors import StoreError
from harness.store.rows import check_row


def test_misspelt_column_is_named_with_the_nearest_one(rows):
    with pytest.raises(StoreError, match="table verdicts has no column 'verdikt'; did you mean 'verdict'"):
        check_row("verdicts", rows.verdict_row(run_id="r", verdikt="supported"))


def test_required_column_without_value_is_named(rows):
    with pytest.raises(StoreError, match="verdicts lacks 'spec_sha'"):
        check_row("verdicts", rows.verdict_row(run_id="r", spec_sha=None))


def test_nullable_columns_may_be_left_out(rows):
    row = check_row("measurements", rows.measurement(run_id="r"))
    assert row["value2"] is None and row["names"] is None


@pytest.mark.parametrize("bad", [nan, inf, -inf, np.float32("nan")], ids=repr)
def test_nonfinite_becomes_null_only_where_the_row_says_so(rows, bad):
    assert check_row("measurements", rows.measurement(bad, run_id="r", status="nonfinite"))["value"] is None
    with pytest.raises(StoreError, match="must have status 'nonfinite'"):
        check_row("measurements", rows.measurement(bad, run_id="r"))


def test_nonfinite_entries_of_a_list_become_null(rows):
    row = rows.measurement(None, run_id="r", status="nonfinite", names=["a", "b"], values=[1.0, nan])
    assert check_row("measurements", row)["values"] == [1.0, None]


def test_an_interval_without_end_is_stored_as_null(rows):
    row = check_row("verdicts", rows.verdict_row(run_id="r", ci_low=-inf, ci_high=0.5))
    assert row["ci_low"] is None and row["ci_high"] == 0.5


def test_numpy_numbers_become_plain_floats(rows):
    assert type(check_row("measurements", rows.measurement(np.float32(0.5), run_id="r"))["value"]) is float


def test_a_word_where_a_number_belongs(rows):
    with pytest.raises(StoreError, match="'value' of table measurements takes a number, not 'much'"):
        check_row("measurements", rows.measurement("much", run_id="r"))


ELSEWHERE = datetime(2026, 11, 22, 1, 30, 10, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("given", [ELSEWHERE, ELSEWHERE.isoformat()], ids=["datetime", "text"])
def test_times_are_utc(rows, given):
    assert check_row("runs", rows.run_row(run_id="r", started=given))["started"] == datetime(2026, 11, 21, 23, 30, 10, tzinfo=UTC)
