import errno
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.store import writer
from harness.store.reader import query
from harness.store.writer import Session


def test_run_id_sorts_by_time_and_names_the_commit():
    early = writer.new_run_id("ab12cd3ef", datetime(2026, 11, 21, 23, 30, 10, tzinfo=UTC))
    assert re.fullmatch(r"20261121T233010Z-ab12cd3-[0-9a-f]{4}", early)
    assert writer.new_run_id(None, datetime(2026, 11, 21, 23, 30, 9, tzinfo=UTC)) < early


def test_a_session_is_read_back(store, rows):
    run_id = store(claims=[rows.claim_row(needs=["cuda"])], measurements=[rows.measurement(0.25)], verdicts=[rows.verdict_row()])
    assert query(store.folder, "SELECT run_id, value FROM measurements").to_pylist() == [{"run_id": run_id, "value": 0.25}]
    assert query(store.folder, "SELECT needs FROM claims").to_pylist() == [{"needs": ["cuda"]}]


def test_files_carry_the_schema_version_and_the_commit(store, rows):
    run_id = store(verdicts=[rows.verdict_row()])
    path = writer.table_path(store.folder, "verdicts", run_id)
    assert path.parent.name == f"{run_id[:4]}-{run_id[4:6]}"
    kept = pq.read_schema(path).metadata
    assert (kept[b"schema_version"], kept[b"git_sha"]) == (b"2", b"ab12cd3ef")
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_nothing_but_parquet_remains(store, rows):
    store(verdicts=[rows.verdict_row()])
    assert {path.suffix for path in store.folder.rglob("*") if path.is_file()} == {".parquet"}


@pytest.mark.parametrize("runs", [0, 2], ids="runs={}".format)
def test_a_session_is_one_run(tmp_path, rows, runs):
    with pytest.raises(StoreError, match="exactly one row of table runs"):
        Session(tmp_path).open().commit({"runs": [rows.run_row()] * runs})


def test_rows_of_another_run_are_refused(tmp_path, rows):
    with pytest.raises(StoreError, match="a row of run other was given to run"):
        Session(tmp_path).open().commit({"runs": [rows.run_row(run_id="other")]})


def test_wrong_type_is_one_sentence_and_writes_nothing(tmp_path, rows):
    session = Session(tmp_path).open()
    with pytest.raises(StoreError, match="table claims has a value of the wrong type"):
        session.commit({"claims": [rows.claim_row(version="first")], "runs": [rows.run_row()]})
    assert not list(tmp_path.rglob("*.parquet*"))


def test_one_second_two_sessions_two_ids(tmp_path, monkeypatch):
    """The journal is created exclusively: a drawn id that is taken is drawn again."""
    drawn = iter(["id-one", "id-one", "id-two"])
    monkeypatch.setattr(writer, "new_run_id", lambda sha: next(drawn))
    assert [Session(tmp_path).open().run_id for _ in range(2)] == ["id-one", "id-two"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC], ids=errno.errorcode.get)
def test_unwritable_folder_is_known_before_anything_is_trained(tmp_path, monkeypatch, code):
    """chmod does not stop root, so the refusal is put in by hand."""

    def refuse(path, content):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StoreError, match=r"cannot write results in .*: .*; free space or name another folder"):
        Session(tmp_path / "results").open()


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot write results in"):
        Session(tmp_path / "results").open()


def test_disk_full_at_the_end_keeps_the_journal(tmp_path, rows, monkeypatch):
    session = Session(tmp_path).open()
    session.journal("claim", {"claim": rows.claim_row(), "measurements": [rows.measurement()]})

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer.os, "replace", full)
    with pytest.raises(StoreError, match=r"No space left on device.*is kept in .*\.jsonl, `harness recover` brings it back"):
        session.commit({"claims": [rows.claim_row()], "runs": [rows.run_row()]})
    assert session.journal_path.is_file() and not list(tmp_path.rglob("*.parquet*"))


def test_provenance_is_checked_before_anything_is_trained(tmp_path):
    with pytest.raises(StoreError, match="table runs has no column 'git'; did you mean 'git_sha'"):
        Session(tmp_path).open({"git": "ab12cd3"})
    assert not list(tmp_path.iterdir())


def test_a_journal_line_is_checked_when_it_is_written(tmp_path, rows):
    session = Session(tmp_path).open()
    with pytest.raises(StoreError, match="no column 'valu'; did you mean 'value'"):
        session.journal("claim", {"claim": rows.claim_row(), "measurements": [rows.measurement(valu=1.0)]})
