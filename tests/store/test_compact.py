"""Merging months: the same rows before, during and after, whenever the merge is killed."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import harness
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.store import compact as module
from harness.store import journal
from harness.store.compact import compact
from harness.store.compacted import every_compact, is_stored
from harness.store.reader import ask, connect, query
from harness.store.schema import COLUMNS, metadata, schema
from harness.store.writer import Session, table_path

ROOT = os.path.dirname(os.path.dirname(harness.__file__))
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def everything(folder):
    """All rows of the store, by table."""
    with connect(folder) as connection:
        return {table: ask(connection, f"from {table} order by all").to_pylist() for table in COLUMNS}


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "inflight" not in str(path))


@pytest.fixture
def month(store, rows):
    """month(k) commits k sessions; gives their ids. The first has a table of its own, as a diff has."""

    def commit(k=3):
        ids = []
        for minute in range(k):
            values = [rows.measurement(minute + 0.5, seed, names=["a"], values=[1.5]) for seed in range(2)]
            ids.append(store(minute, claims=[rows.claim_row()], measurements=values, verdicts=[rows.verdict_row()]))
        matrix = {"run_id": ids[0], "base": "b", "tuned": "t", "name": "x", "metric": "m", "status": "ok"}
        made = pa.Table.from_pylist([matrix], schema=schema("matrices").with_metadata(metadata()))
        path = table_path(store.folder, "matrices", ids[0])
        path.parent.mkdir(parents=True)
        pq.write_table(made, path)
        return ids

    return commit


def test_a_month_becomes_one_file_a_table(store, month):
    month(3)
    before = everything(store.folder)
    [merged] = compact(store.folder, now=LATER)
    assert (merged.runs, merged.files, merged.files_after) == (3, 13, 5) and merged.bytes_after < merged.bytes
    assert everything(store.folder) == before and len(files(store.folder)) == 5
    assert compact(store.folder, now=LATER) == []


def test_the_current_month_is_left_alone_unless_asked_for(store, month):
    month(2)
    assert compact(store.folder) == [] and compact(store.folder, every_month=True)


def test_sessions_after_a_merge_are_read_and_merged_again(store, month, rows):
    month(2)
    compact(store.folder, now=LATER)
    store(9, verdicts=[rows.verdict_row("refuted")])
    assert [row["verdict"] for row in query(store.folder, "from flips").to_pylist()] == ["refuted"]
    before = everything(store.folder)
    [merged] = compact(store.folder, now=LATER)
    assert merged.runs == 3 and everything(store.folder) == before and len(every_compact(store.folder)) == 1


def test_one_session_alone_is_left_as_it_is(store, rows):
    store(verdicts=[rows.verdict_row()])
    before = files(store.folder)
    assert compact(store.folder, now=LATER) == [] and files(store.folder) == before


def test_a_session_that_has_not_ended_is_not_merged(store, month, rows):
    """Its rows are there and its runs file is not; it ends after the merge."""
    month(2)
    running = Session(store.folder).open({"git_sha": "ab12cd3"})
    running._write("measurements", [{**rows.measurement(9.5), "run_id": running.run_id}])
    compact(store.folder, now=LATER)
    assert table_path(store.folder, "measurements", running.run_id).is_file()
    assert query(store.folder, "from measurements where value = 9.5").num_rows == 0
    running.commit({"measurements": [rows.measurement(9.5)], "runs": [rows.run_row(9)]})
    assert query(store.folder, "from measurements where value = 9.5").num_rows == 1


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, and nothing is tidied up."""


def kill_at(monkeypatch, step):
    """The merge dies before its step-th rename or removal; gives what counts the steps."""
    taken = []

    def dying(real):
        def act(*arguments):
            if len(taken) == step:
                raise Killed
            taken.append(arguments)
            return real(*arguments)

        return act

    monkeypatch.setattr(module.os, "replace", dying(os.replace))
    monkeypatch.setattr(module.os, "unlink", dying(os.unlink))
    return taken


def test_a_kill_at_any_step_loses_and_doubles_nothing(store, month, tmp_path):
    """From a store with a merged month, sessions since, and one file of each that is merged already left over."""
    month(2)
    compact(store.folder, now=LATER)
    month_of = sorted((store.folder / "runs").iterdir())[0].name
    spare = tmp_path / "spare"
    shutil.copytree(store.folder, spare)
    for minute in (7, 8):
        store(minute)
    before, final = everything(store.folder), None
    for step in range(40):
        trial = tmp_path / f"trial-{step}"
        shutil.copytree(store.folder, trial)
        with pytest.MonkeyPatch.context() as monkeypatch:
            taken = kill_at(monkeypatch, step)
            try:
                compact(trial, now=LATER)
                died = False
            except Killed:
                died = True
        assert everything(trial) == before, (step, taken)
        compact(trial, now=LATER)
        assert everything(trial) == before, (step, taken)
        final = final or files(trial)
        assert files(trial) == final and len(list((trial / "runs" / month_of).iterdir())) == 1
        if not died:
            break
    assert not died and step > 10


KILLED = """
    import os, signal, sys
    from datetime import UTC, datetime
    from harness.store import compact

    act, done = getattr(os, sys.argv[2]), []

    def and_die(*arguments):
        act(*arguments)
        done.append(arguments)
        if len(done) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, sys.argv[2], and_die)
    compact.compact(sys.argv[1], now=datetime(2030, 1, 1, tzinfo=UTC))
"""


@pytest.mark.parametrize(("what", "times"), [("replace", 2), ("replace", 5), ("unlink", 3)], ids=["early", "committed", "removing"])
def test_a_merge_that_is_really_killed(store, month, what, times):
    month(3)
    before = everything(store.folder)
    code = [sys.executable, "-c", textwrap.dedent(KILLED), str(store.folder), what, str(times)]
    ended = subprocess.run(code, env={**os.environ, "PYTHONPATH": ROOT}, check=False)
    assert ended.returncode == -signal.SIGKILL and everything(store.folder) == before
    compact(store.folder, now=LATER)
    assert everything(store.folder) == before and len(files(store.folder)) == 5


def test_the_results_of_another_machine_are_merged_in_later(store, month, tmp_path, rows):
    """The other machine has runs of its own, and those that both have once more."""
    month(2)
    other = tmp_path / "other"
    shutil.copytree(store.folder, other)
    new = Session(other).open({"git_sha": "ab12cd3"})
    new.commit({"verdicts": [rows.verdict_row("refuted")], "runs": [rows.run_row(9)]})
    compact(store.folder, now=LATER)
    shutil.copytree(other, store.folder, dirs_exist_ok=True)
    assert everything(store.folder) == everything(other)
    compact(store.folder, now=LATER)
    assert everything(store.folder) == everything(other) and len(files(store.folder)) == 5


def test_two_machines_that_merged_the_same_runs(store, month, tmp_path, rows):
    month(2)
    other = tmp_path / "other"
    shutil.copytree(store.folder, other)
    for folder, minute in ((store.folder, 5), (other, 6)):
        Session(folder).open({"git_sha": "ab12cd3"}).commit({"verdicts": [rows.verdict_row()], "runs": [rows.run_row(minute)]})
        compact(folder, now=LATER)
    shutil.copytree(other, store.folder, dirs_exist_ok=True)
    with pytest.raises(StoreError, match="is stored twice, in .*; `harness compact --all` merges them"):
        query(store.folder, "from runs")
    compact(store.folder, every_month=True)
    assert query(store.folder, "select count(*) as n, count(distinct run_id) as ids from runs").to_pylist() == [{"n": 4, "ids": 4}]
    assert query(store.folder, "from measurements").num_rows == 4


def test_a_copy_with_other_rows_stops_the_merge(store, month, tmp_path):
    first, _ = month(2)
    kept = table_path(store.folder, "measurements", first)
    altered = pq.read_table(kept)
    compact(store.folder, now=LATER)
    index = altered.column_names.index("value")
    pq.write_table(altered.set_column(index, altered.schema.field("value"), pa.array([7.5, 8.5])), kept)
    before = files(store.folder)
    with pytest.raises(StoreError, match=f"run {first} is stored twice with different rows, in .*compact-"):
        compact(store.folder, now=LATER)
    assert files(store.folder) == before and 7.5 not in query(store.folder, "from measurements")["value"].to_pylist()


def test_a_compact_file_copied_into_another_month(store, month):
    month(2)
    compact(store.folder, now=LATER)
    [one] = every_compact(store.folder)
    (store.folder / "runs" / "2020-01").mkdir()
    shutil.copy(one.path, store.folder / "runs" / "2020-01" / one.path.name)
    for table in one.tables:
        (store.folder / table / "2020-01").mkdir(exist_ok=True)
        shutil.copy(store.folder / table / one.path.parent.name / one.path.name, store.folder / table / "2020-01")
    with pytest.raises(StoreError, match="is stored twice, in .*move one of them away"):
        query(store.folder, "from runs")


def test_a_part_that_was_not_copied_is_missed(store, month):
    """Half a copy of a store reads as an error, not as fewer measurements; nor does a merge make it final."""
    month(2)
    compact(store.folder, now=LATER)
    [part] = (store.folder / "measurements").glob("*/compact-*.parquet")
    part.unlink()
    for read in (lambda: query(store.folder, "from runs"), lambda: compact(store.folder, now=LATER)):
        with pytest.raises(StoreError, match="goes with .*measurements.*, which is not there"):
            read()


def test_parts_without_their_runs_file_are_left_alone(store, month, tmp_path):
    """They are being copied here, and the runs file comes last."""
    month(2)
    other = tmp_path / "other"
    Session(other).open().commit({"runs": [RUN]})
    Session(other).open().commit({"runs": [RUN]})
    compact(other, every_month=True)
    [part] = (other / "claims").glob("*/*.parquet")
    place = store.folder / "claims" / part.parent.name / part.name
    empty_rows = pq.read_table(part)
    row = {name: None for name in empty_rows.column_names} | {"run_id": "20261101T000000Z-nogit-0000"}
    row |= {"claim_id": "a/b", "scale": "tiny", "paper": "a", "version": 1, "spec_sha": "s", "spec": "{}", "status": "measured"}
    pq.write_table(pa.Table.from_pylist([row], schema=empty_rows.schema), place)
    before = everything(store.folder)
    compact(store.folder, every_month=True)
    assert place.is_file() and everything(store.folder) == before


RUN = {"started": LATER, "finished": LATER, "mode": "dev", "judged": "regression", "schema_version": 1}


def test_files_of_an_older_and_a_newer_schema_are_merged(store, month):
    first, second = month(2)
    old, new = (table_path(store.folder, "measurements", run) for run in (first, second))
    pq.write_table(pq.read_table(old).drop_columns(["value2", "attempt"]), old)
    pq.write_table(pq.read_table(new).append_column("future", pa.array([3, 4])), new)
    before = everything(store.folder)
    compact(store.folder, now=LATER)
    assert everything(store.folder) == before
    assert query(store.folder, "select future from measurements order by all").to_pylist() == [{"future": v} for v in (3, 4, None, None)]


def test_a_table_that_the_merging_harness_did_not_know_is_still_read(store, month, monkeypatch):
    first, _ = month(2)
    with monkeypatch.context() as older:
        older.delitem(module.COLUMNS, "matrices")
        compact(store.folder, now=LATER)
    assert query(store.folder, "select run_id from matrices").to_pylist() == [{"run_id": first}]
    compact(store.folder, now=LATER)
    assert query(store.folder, "select run_id from matrices").to_pylist() == [{"run_id": first}]
    assert len(files(store.folder)) == 5


def test_a_damaged_file_is_named_and_nothing_changes(store, month):
    first, _ = month(2)
    bad = table_path(store.folder, "verdicts", first)
    bad.write_bytes(bad.read_bytes()[:100])
    before = files(store.folder)
    with pytest.raises(StoreError, match="is truncated") as caught:
        compact(store.folder, now=LATER)
    assert str(bad) in str(caught.value) and files(store.folder) == before


def test_damage_behind_an_intact_footer_is_named_and_nothing_changes(store, month):
    first, _ = month(2)
    bad = table_path(store.folder, "verdicts", first)
    content = bytearray(bad.read_bytes())
    content[4:400] = b"\xff" * 396
    bad.write_bytes(bytes(content))
    before = files(store.folder)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        compact(store.folder, now=LATER)
    assert str(bad) in str(caught.value) and files(store.folder)[-1] == before[-1] and set(before) <= set(files(store.folder))


def test_a_full_disk_changes_nothing(store, month, monkeypatch):
    month(2)
    before, seen = files(store.folder), everything(store.folder)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device; the store reads as before"):
        compact(store.folder, now=LATER)
    assert files(store.folder) == before and everything(store.folder) == seen


def test_two_merges_at_once_are_refused(store, month):
    month(2)
    with module._alone(store.folder), pytest.raises(StoreError, match="another `harness compact` is at work"):
        compact(store.folder, now=LATER)


def test_a_file_that_is_named_like_a_compact_one_is_refused(store, month):
    month(1)
    path = table_path(store.folder, "runs", "20260101T000000Z-x-0000").parent
    path.mkdir(exist_ok=True)
    pq.write_table(schema("runs").empty_table().replace_schema_metadata(metadata()), path / "compact-0123.parquet")
    with pytest.raises(StoreError, match="is named like a compact file and is none"):
        query(store.folder, "from runs")


def test_the_journal_of_a_merged_run_is_not_recovered_again(store, month):
    """The session was killed between its runs file and its journal."""
    from harness.engine.recover import recover

    first, _ = month(2)
    path = store.folder / "inflight" / f"{first}.jsonl"
    path.write_text(journal.header(first, {}).replace(f'"pid": {os.getpid()}', '"pid": 999999999'))
    compact(store.folder, now=LATER)
    assert is_stored(store.folder, first)
    assert [each.state for each in recover(store.folder)] == ["committed"] and not path.exists()


def test_a_store_that_is_merged_while_it_is_listed(store, month, monkeypatch):
    """The merge comes between the look for compact files and the listing of the others."""
    from harness.store import reader

    month(3)
    before = everything(store.folder)
    real, calls = reader.live_compacts, []

    def and_then_merged(folder):
        found = real(folder)
        if not calls:
            calls.append(compact(Path(folder), now=LATER))
        return found

    monkeypatch.setattr(reader, "live_compacts", and_then_merged)
    assert everything(store.folder) == before and calls


def test_a_store_that_is_merged_before_it_is_read(store, month, monkeypatch):
    from harness.store import reader

    month(3)
    real, calls = reader.ask, []

    def merge_first(*arguments):
        if not calls:
            calls.append(compact(store.folder, now=LATER))
        return real(*arguments)

    monkeypatch.setattr(reader, "ask", merge_first)
    assert query(store.folder, "from runs").num_rows == 3 and calls
