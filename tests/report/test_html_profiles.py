"""Blocks of the profile pages, from rows written by hand."""

import json

import pytest
from harness.report.html import profiles
from harness.report.html.profiles import blocks
from harness.store.reader import connect

from tests.report.profile_store import COLS, ROWS, STEPS, commit, rows_of


@pytest.fixture
def made(tmp_path):
    """made(rows, ...) commits a session a list and gives the blocks."""

    def of(*sessions):
        for minute, rows in enumerate(sessions):
            commit(tmp_path / "results", rows, minute)
        with connect(tmp_path / "results") as connection:
            return blocks(connection)

    return of


def table(encoded: dict) -> list[dict]:
    """Rows of a table in columns, as SC.rows reads them."""
    words = encoded["strings"]
    columns = dict(encoded["columns"])
    for name, known in words.items():
        columns[name] = [None if code is None else known[code] for code in columns[name]]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def shown(block: dict, **which) -> dict:
    """The one row of a block with these columns, its arrays filled in."""
    found = [row for row in table(block["rows"]) if which.items() <= row.items()]
    assert len(found) == 1
    arrays = {name: None if found[0][name] is None else block["arrays"][found[0][name]] for name in ("x", "y", "reference")}
    return found[0] | arrays


def test_a_block_holds_what_the_rows_hold(made):
    rows = rows_of("rlvr seed 0 [tiny]")
    found = made(rows)
    block = found["profile-0"]
    assert (block["subject"], block["arm"], block["seed"], block["run_key"]) == ("rlvr seed 0 [tiny]", "rlvr", 0, "ae57c025")
    assert block["steps"] == list(STEPS)
    assert [name for name, _, _ in block["matrices"]] == [
        f"layers.{layer}.{module}" for layer in (0, 1) for module in ("mlp.up_proj", "self_attn.q_proj")
    ]
    assert len(table(block["rows"])) == len(rows)
    for row in rows:
        one = shown(block, kind=row["kind"], step=row["step"], matrix=row["matrix"], module=row["module"])
        assert one["y"] == pytest.approx(row["y"], rel=5e-3 if row["kind"] == "bf16_map" else 5e-5), row["kind"]
        assert one["x"] == (row.get("x") or None)
        assert one["reference"] == (None if row.get("reference") is None else pytest.approx(row["reference"], rel=5e-5))
        assert (one["rows"], one["cols"]) == (row.get("rows"), row.get("cols"))
    assert shown(block, kind="angles_left", step=1, matrix="layers.0.mlp.up_proj")["note"] == "k = 3, where the gap is 1.5"


def test_equal_arrays_are_stored_once_and_numbers_are_short(made):
    block = made(rows_of("run", steps=(1, 3)))["profile-0"]
    assert len({tuple(array) for array in block["arrays"]}) == len(block["arrays"])
    before = [row["y"] for row in table(block["rows"]) if row["kind"] == "values_before"]
    assert len(set(before)) == 1
    text = json.dumps(block["arrays"])
    assert "2.6667" in text and "2.66666" not in text  # 8 / 3
    assert " 8," in text and "8.0," not in text


def test_main_numbers_are_the_rows_over_noise_and_chance(made):
    found = made(rows_of("run", factor=2.0))
    numbers = {(row["step"], row["matrix"]): row for row in table(found["profile-0"]["numbers"])}
    assert len(numbers) == len(STEPS) * 4
    one = numbers[100, "layers.1.mlp.up_proj"]
    assert one["drift"] == pytest.approx(9.0)  # median of 2 (i + 1)
    assert (one["drift_top"], one["drift_index"], one["drift_times"]) == (-0.016, 8, 16)
    assert (one["angle"], one["angle_left"], one["angle_right"]) == (4.0, 4.0, 3.0)
    leading = [4.0, 4.0, 0.5 + 16 / 512, 0.5 + 17 / 512]
    assert one["block"] == pytest.approx(sum(leading) / 4, rel=1e-4)
    assert (one["princ"], one["low"]) == (0.5, 2.0)
    assert (one["princ_noise"], one["low_noise"]) == (pytest.approx(0.6), pytest.approx(1.2))
    assert (one["changed"], one["row"], one["column"]) == (0.3, 4, 1.25)
    assert one["norm"] == 0.02  # of layer 1 at the last step
    listed = table(found["profiles"]["subjects"])[0]
    assert (listed["checkpoints"], listed["last_step"], listed["matrices"], listed["curves"]) == (3, 100, 4, "profile-0")
    assert listed["drift"] == pytest.approx(9.0) and listed["norm"] == pytest.approx(0.015)


def test_what_is_missing_stays_missing_and_says_why(made):
    rows = rows_of("run", steps=(5,))
    for row in rows:
        if (row["matrix"], row["kind"]) == ("layers.0.mlp.up_proj", "mask_overlap"):
            row |= {"y": None, "reference": None, "status": "undefined", "detail": "no entry changes in bf16"}
        if (row["matrix"], row["kind"]) == ("layers.0.mlp.up_proj", "drift"):
            row |= {"y": [None, *row["y"][1:]], "status": "nonfinite", "detail": "3 entries are not finite"}
    rows = [row for row in rows if row["kind"] != "bf16_map"]
    block = made(rows)["profile-0"]
    overlap = shown(block, kind="mask_overlap", matrix="layers.0.mlp.up_proj")
    assert (overlap["y"], overlap["detail"], overlap["note"]) == (None, "no entry changes in bf16", None)
    drift = shown(block, kind="drift", matrix="layers.0.mlp.up_proj")
    assert drift["y"][0] is None and drift["detail"] == "3 entries are not finite"
    one = next(row for row in table(block["numbers"]) if row["matrix"] == "layers.0.mlp.up_proj")
    assert one["princ"] is None and one["drift"] is None and one["changed"] is None
    assert one["angle"] is not None


def test_a_subject_profiled_again_shows_its_last_profile(made):
    found = made(rows_of("run"), rows_of("other"), rows_of("run", factor=3.0))
    assert [row["subject"] for row in table(found["profiles"]["subjects"])] == ["run", "other"]  # the newest first
    assert shown(found["profile-0"], kind="drift", step=1, matrix="layers.0.mlp.up_proj")["y"][0] == 0.003


def test_over_budget_the_oldest_are_listed_without_curves(made, monkeypatch):
    monkeypatch.setattr(profiles, "BUDGET", 10)
    found = made(rows_of("old"), rows_of("new"))
    subjects = table(found["profiles"]["subjects"])
    assert [(row["subject"], row["curves"]) for row in subjects] == [("new", "profile-0"), ("old", None)]
    assert found["profiles"]["left_out"] == 1 and "profile-1" not in found


def test_a_long_curve_is_thinned_but_keeps_its_head_its_end_and_its_numbers(made):
    rows = rows_of("run", steps=(1,), layers=1)
    long = [float(i + 1) for i in range(4096)]
    for row in rows:
        if row["kind"] == "drift":
            row |= {"x": long, "y": [0.5 if i == 3001 else 0.001 for i in range(4096)], "reference": [0.001] * 4096}
    block = made(rows)["profile-0"]
    drift = shown(block, kind="drift", matrix="layers.0.mlp.up_proj")
    assert len(drift["x"]) == len(drift["y"]) == len(drift["reference"]) <= profiles.THIN + 1
    assert drift["x"][: profiles.HEAD] == list(range(1, profiles.HEAD + 1)) and drift["x"][-1] == 4096
    assert table(block["numbers"])[0]["drift_index"] == 3002  # of the whole curve
    energy = shown(block, kind="bf16_map", matrix="layers.0.mlp.up_proj")
    assert len(energy["y"]) == ROWS * COLS  # maps are whole


def test_a_store_without_profiles_has_an_empty_list(tmp_path):
    with connect(tmp_path / "nothing") as connection:
        found = blocks(connection)
    assert found == {"profiles": {"subjects": {"n": 0, "columns": {}, "strings": {}}, "left_out": 0}}


def test_every_kind_of_chart_has_a_spec_without_data():
    from harness.report import charts

    specs = {name: spec for name, spec in charts.specs().items() if name.startswith("profile_")}
    kinds = ("angles", "bf16", "drift", "energy", "layers", "overlap", "steps", "values")
    assert sorted(specs) == [f"profile_{kind}" for kind in kinds]
    for name, spec in specs.items():
        assert "values" not in json.dumps(spec["layer"][0].get("data")), name
        assert spec["width"] == "container" and "datasets" not in spec, name
