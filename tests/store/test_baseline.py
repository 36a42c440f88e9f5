from pytest import raises

from harness.errors import StoreError
from harness.store.baseline import write_baseline
from harness.store.compare import previous_verdicts, stored_specs
from harness.store.reader import query


def test_the_baseline_holds_the_latest_verdict_of_each_claim(store, rows, tmp_path):
    store(0, verdicts=[rows.verdict_row("refuted"), rows.verdict_row("refuted", "paper/other")])
    store(1, verdicts=[rows.verdict_row("supported")])
    path = write_baseline(store.folder)
    fresh = tmp_path / "fresh" / "baseline" / "verdicts.parquet"
    fresh.parent.mkdir(parents=True)
    path.rename(fresh)
    found = previous_verdicts(fresh.parents[1])
    verdicts = {claim: row["verdict"] for (claim, _), row in found.items()}
    assert verdicts == {"paper/claim": "supported", "paper/other": "refuted"}
    assert stored_specs(fresh.parents[1]) == [("paper/claim", 1, "s1"), ("paper/other", 1, "s1")]


def test_an_empty_store_makes_no_baseline(tmp_path):
    with raises(StoreError, match="no verdict to make a baseline of"):
        write_baseline(tmp_path)


def test_a_baseline_that_cannot_be_written_leaves_nothing(store, rows, monkeypatch):
    store(0, verdicts=[rows.verdict_row()])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.store.baseline.os.replace", full)
    with raises(StoreError, match="No space left"):
        write_baseline(store.folder)
    assert not list((store.folder / "baseline").iterdir())


def test_verdicts_on_a_users_own_checkpoints_are_no_baseline(store, rows):
    store(0, verdicts=[rows.verdict_row("refuted"), rows.verdict_row("supported", scale="own")])
    found = previous_verdicts(write_baseline(store.folder).parents[1])
    assert {scale: row["verdict"] for (_, scale), row in found.items()} == {"own": "supported", "tiny": "refuted"}  # from the store
    assert query(store.folder, f"select scale from '{store.folder}/baseline/verdicts.parquet'").to_pylist() == [{"scale": "tiny"}]


def test_evidence_is_no_baseline_and_the_sessions_come_along(store, rows):
    """With what could move a number, and without what is this machine's alone."""
    from harness.store.reader import check_file

    run_id = store(0, run={"torch": "2.9", "argv": "pytest /home/me"}, verdicts=[rows.verdict_row("supported")])
    store(1, run={"judged": "evidence"}, verdicts=[rows.verdict_row("refuted"), rows.verdict_row("refuted", "paper/other")])
    path = write_baseline(store.folder)
    assert {key: row["verdict"] for key, row in previous_verdicts(path.parents[1]).items()} == {("paper/claim", "tiny"): "supported"}
    check_file(path.with_name("runs.parquet"), "runs")
    import pyarrow.parquet as pq

    (run,) = pq.read_table(path.with_name("runs.parquet")).to_pylist()
    assert (run["run_id"], run["torch"], run["argv"]) == (run_id, "2.9", None)
