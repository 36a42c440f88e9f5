import pytest
from harness.errors import StoreError
from harness.store import writer
from harness.store.compare import SpecChange, changed_without_version, last_durations, previous_verdicts


def _baseline(store, rows, *verdicts):
    """A committed baseline is a verdicts file like any other."""
    run_id = store(verdicts=list(verdicts))
    target = store.folder / "baseline" / "verdicts.parquet"
    target.parent.mkdir()
    writer.table_path(store.folder, "verdicts", run_id).rename(target)
    writer.table_path(store.folder, "runs", run_id).unlink()
    return target


def test_nothing_stored_nothing_previous(tmp_path):
    assert previous_verdicts(tmp_path / "nowhere") == {}


def test_the_last_verdict_of_each_claim(store, rows):
    store(0, verdicts=[rows.verdict_row("refuted"), rows.verdict_row("refuted", "paper/other")])
    store(1, verdicts=[rows.verdict_row("supported")])
    found = previous_verdicts(store.folder)
    verdicts = {key: row["verdict"] for key, row in found.items()}
    assert verdicts == {("paper/claim", "tiny"): "supported", ("paper/other", "tiny"): "refuted"}


def test_the_baseline_stands_in_for_what_was_never_run_here(store, rows):
    _baseline(store, rows, rows.verdict_row("refuted"), rows.verdict_row("refuted", "paper/other"))
    store(1, verdicts=[rows.verdict_row("supported")])
    found = previous_verdicts(store.folder)
    assert found["paper/claim", "tiny"]["verdict"] == "supported" and found["paper/other", "tiny"]["verdict"] == "refuted"


def test_evidence_has_no_regression_past(store, rows):
    store(0, verdicts=[rows.verdict_row("supported")])
    assert previous_verdicts(store.folder, judged="evidence") == {}


def test_a_damaged_baseline_is_named(store, rows):
    target = _baseline(store, rows, rows.verdict_row())
    target.write_bytes(target.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"baseline/verdicts\.parquet is truncated"):
        previous_verdicts(store.folder)


def test_the_baseline_is_no_past_of_evidence(store, rows):
    _baseline(store, rows, rows.verdict_row("refuted"))
    assert previous_verdicts(store.folder, judged="evidence") == {}


def test_a_spec_that_was_refused_does_not_stand_in_the_way_of_the_one_restored(store, rows):
    store(0, claims=[rows.claim_row(spec_sha="s1")])
    store(1, claims=[rows.claim_row(spec_sha="s2", status="error")])
    assert changed_without_version([rows.claim_row(spec_sha="s1")], store.folder) == []


def test_a_changed_spec_needs_a_new_version(store, rows):
    store(claims=[rows.claim_row(spec_sha="s1")])
    now = [rows.claim_row(spec_sha="s2"), rows.claim_row("paper/new", spec_sha="s9")]
    assert changed_without_version(now, store.folder) == [SpecChange("paper/claim", 1, "s1", "s2")]
    assert changed_without_version([rows.claim_row(spec_sha="s2", version=2)], store.folder) == []
    assert changed_without_version([rows.claim_row(spec_sha="s1")], store.folder) == []


def test_a_claim_at_two_scales_is_one_change(store, rows):
    store(claims=[rows.claim_row(spec_sha="s1")])
    now = [rows.claim_row(spec_sha="s2", scale=scale) for scale in ("tiny", "small")]
    assert len(changed_without_version(now, store.folder)) == 1


def test_the_baseline_remembers_specs_too(store, rows):
    _baseline(store, rows, rows.verdict_row(spec_sha="s0"))
    assert changed_without_version([rows.claim_row(spec_sha="s1")], store.folder) == [SpecChange("paper/claim", 1, "s0", "s1")]


def test_the_last_cold_and_warm_sessions_are_told_apart(store):
    for minute, trained, seconds in ((0, 20, 300.0), (1, 25, 200.0), (2, 0, 40.0), (3, 0, 30.0), (4, None, 1.0)):
        store(minute, run={"trained": trained, "duration_s": seconds})
    assert last_durations(store.folder) == {"cold": 200.0, "warm": 30.0}


def test_no_session_has_no_duration(tmp_path):
    assert last_durations(tmp_path) == {}
