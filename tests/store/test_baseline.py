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
