import json

import pyarrow.parquet as pq
import pytest
from harness.engine import rejudge
from harness.errors import StoreError
from harness.store import writer
from harness.store.reader import query


def _edit(folder, table, run_id, change):
    """Rewrite a stored file with `change` applied to each row."""
    path = writer.table_path(folder, table, run_id)
    kept = pq.read_table(path)
    rows = [row | change(row) for row in kept.to_pylist()]
    pq.write_table(type(kept).from_pylist(rows, schema=kept.schema), path)


def test_today_comes_out_as_stored(tmp_path, stored):
    stored()
    (done,) = rejudge.rejudge(tmp_path)
    assert len(done.verdicts) == 2 and done.differences == [] and done.altered == [] and done.refused == []


def test_what_could_not_be_matched_comes_out_as_stored(tmp_path, session, stored):
    """The sentence is in the rows, so the verdict is too; a value put in its place is found."""
    _, values = session
    apart = {"value": None, "status": "unmatched", "matches": json.dumps([{"unmatched": "0.09 off."}])}
    next(row for row in values if row["claim_id"] == "paper/moves" and row["role"] == "claim" and row["seed"] == 3).update(apart)
    run_id = stored()
    (done,) = rejudge.rejudge(tmp_path)
    assert done.differences == [] and done.refused == []
    moves = done.verdicts[0]
    assert (moves["verdict"], moves["reason"], moves["n"], moves["estimate"]) == ("inconclusive", "unmatched", 4, None)
    assert moves["detail"] == "unmatched: 0.09 off."
    _edit(tmp_path, "measurements", run_id, lambda row: {"status": "ok", "value": 0.6} if row["status"] == "unmatched" else {})
    assert ("paper/moves", "tiny", "reason", "unmatched", "") in rejudge.rejudge(tmp_path)[0].differences


def test_an_edited_verdict_is_found(tmp_path, stored):
    run_id = stored()
    _edit(tmp_path, "verdicts", run_id, lambda row: {"verdict": "refuted"} if row["claim_id"] == "paper/moves" else {})
    (done,) = rejudge.rejudge(tmp_path)
    assert done.differences == [("paper/moves", "tiny", "verdict", "refuted", "supported")]


def test_an_edited_measurement_is_found(tmp_path, stored):
    run_id = stored()
    _edit(tmp_path, "measurements", run_id, lambda row: {"value": row["value"] * 1.001} if row["role"] == "null" else {})
    (done,) = rejudge.rejudge(tmp_path)
    assert {d.field for d in done.differences} >= {"null_estimate", "null_low"}


def test_rounding_is_no_difference():
    one = {"claim_id": "a", "scale": "tiny", "estimate": 1.0}
    blank = dict.fromkeys(rejudge.COLUMNS["verdicts"]) | one
    assert rejudge.differences([blank], [blank | {"estimate": 1.0 + 1e-11}]) == []
    assert len(rejudge.differences([blank], [blank | {"estimate": 1.0 + 1e-6}])) == 1
    assert rejudge.differences([blank], [blank | {"estimate": None}])[0].now is None


def test_a_verdict_that_is_missing_is_a_difference(tmp_path, stored):
    run_id = stored()
    writer.table_path(tmp_path, "verdicts", run_id).unlink()
    (done,) = rejudge.rejudge(tmp_path)
    assert [(d.claim_id, d.stored) for d in done.differences] == [("paper/moves", None), ("paper/turns", None)]


def test_an_altered_spec_is_told_from_its_hash(tmp_path, stored):
    run_id = stored()

    def widen(row):
        spec = json.loads(row["spec"])
        return {"spec": json.dumps(spec | {"alpha": 0.2})}

    _edit(tmp_path, "claims", run_id, widen)
    (done,) = rejudge.rejudge(tmp_path)
    assert done.altered == ["paper/moves", "paper/turns"]


def test_a_spec_of_another_harness_is_refused_by_name(tmp_path, stored):
    run_id = stored()
    _edit(tmp_path, "claims", run_id, lambda row: {"spec": '{"id": "paper/moves"}'} if row["claim_id"] == "paper/moves" else {})
    (done,) = rejudge.rejudge(tmp_path)
    assert len(done.refused) == 1 and "does not fit this harness" in done.refused[0]


def test_lost_measurements_are_told_not_judged(tmp_path, stored):
    run_id = stored()
    writer.table_path(tmp_path, "measurements", run_id).unlink()
    (done,) = rejudge.rejudge(tmp_path)
    assert done.verdicts == [] and done.differences == []
    assert done.refused[0] == "paper/moves [tiny]: its measurements are not in the store"


def test_writing_appends_and_settles(tmp_path, stored):
    run_id = stored()
    _edit(tmp_path, "verdicts", run_id, lambda row: {"verdict": "refuted"})
    (done,) = rejudge.rejudge(tmp_path)
    new_id = rejudge.write(tmp_path, done, {"git_sha": "ab12cd3ef", "scipy": "1.17"})
    (run,) = query(tmp_path, "from runs where mode = 'rejudge'").to_pylist()
    assert (run["run_id"], run["rejudges"], run["seeds"], run["measured"]) == (new_id, run_id, 5, 2)
    assert rejudge.rejudge(tmp_path)[0].differences == []
    stands = query(tmp_path, "select verdict, run_id, measured_in from latest_verdict where claim_id = 'paper/moves'")
    assert stands.to_pylist() == [{"verdict": "supported", "run_id": new_id, "measured_in": run_id}]


def test_which_run(tmp_path, stored):
    first, second = stored(), stored()
    assert [d.run["run_id"] for d in rejudge.rejudge(tmp_path, "latest")] == [second]
    assert [d.run["run_id"] for d in rejudge.rejudge(tmp_path, "all")] == [first, second]
    assert [d.run["run_id"] for d in rejudge.rejudge(tmp_path, first)] == [first]
    with pytest.raises(StoreError, match="'2' is the beginning of 2 run ids"):
        rejudge.rejudge(tmp_path, "2")
    with pytest.raises(StoreError, match=f"no run 'nonsense' .*; its latest is {second}"):
        rejudge.rejudge(tmp_path, "nonsense")


def test_an_empty_store_has_nothing_to_judge(tmp_path):
    with pytest.raises(StoreError, match="it has no complete run"):
        rejudge.rejudge(tmp_path)
