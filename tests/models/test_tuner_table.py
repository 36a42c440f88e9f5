"""Rows of the table: words that exist, why where one cannot be trained, and reaches that hold after three steps of training."""

import pytest
from harness.models.tuner_table import NEEDS, PENALTIES, REACHES, TUNERS


@pytest.mark.parametrize("tuner", TUNERS)
def test_rows_use_the_words_and_say_why(tuner):
    row = TUNERS[tuner]
    assert row.reach in REACHES and row.needs in NEEDS and row.penalty in PENALTIES
    assert bool(row.why) == (not (row.trains and row.merges))
    assert row.merges or row.reach in ("none", "any")


@pytest.mark.parametrize("tuner", [t for t, row in TUNERS.items() if row.config])
def test_peft_has_every_config(tuner):
    import peft

    assert hasattr(peft, TUNERS[tuner].config)


def test_what_builds_a_tuner_is_a_row_of_plain_data():
    found = TUNERS["hra_gs"].builds()
    assert found["config"] == "HRAConfig" and dict(found["arguments"]) == {"apply_GS": True, "init_weights": False}
    assert "reach" not in found and "why" not in found  # what is known of it settles no weight


def test_no_tuner_stands_twice():
    rows = [repr(row.builds()) for row in TUNERS.values() if row.config and row.trains]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("word", [w for w in REACHES if w != "none"])
def test_every_reach_has_a_tuner(word):
    assert any(row.reach == word for row in TUNERS.values())
