import json
import os

import pytest
from harness.engine import recover, rejudge
from harness.store import writer
from harness.store.reader import query
from harness.store.writer import Session


@pytest.fixture
def orphan(tmp_path, session):
    """The journal of a session that was killed after its first claim; returns its run id."""
    claim_rows, values = session
    killed = Session(tmp_path).open({"git_sha": "ab12cd3ef", "mode": "ci", "judged": "regression", "seeds": 5})
    killed.journal("claim", {"claim": claim_rows[0], "measurements": [v for v in values if v["claim_id"] == "paper/moves"]})
    lines = killed.journal_path.read_text().splitlines(keepends=True)
    owner = json.loads(lines[0]) | {"born": "1"}
    half = json.dumps({"kind": "claim", "claim": claim_rows[1]})[:80]
    killed.journal_path.write_text("".join([json.dumps(owner) + "\n", *lines[1:], half]))
    return killed.run_id


def test_a_killed_session_comes_back_judged(tmp_path, orphan):
    (found,) = recover.recover(tmp_path)
    assert (found.state, found.says) == ("saved", f"{orphan} is saved: 1 claim, 20 measurements")
    (run,) = query(tmp_path, "from runs").to_pylist()
    assert (run["mode"], run["recovered"], run["measured"], run["supported"]) == ("ci", True, 1, 1)
    assert rejudge.rejudge(tmp_path, orphan)[0].differences == []
    assert recover.recover(tmp_path) == []


def test_half_written_files_of_the_killed_session_are_replaced(tmp_path, orphan):
    half = writer.table_path(tmp_path, "measurements", orphan)
    half.parent.mkdir(parents=True, exist_ok=True)
    half.with_name(half.name + ".tmp").write_bytes(b"half")
    recover.recover(tmp_path)
    assert not list(tmp_path.rglob("*.tmp")) and query(tmp_path, "from measurements").num_rows == 20


def test_a_running_session_is_left_alone(tmp_path, session):
    running = Session(tmp_path).open()
    running.journal("claim", {"claim": session[0][0], "measurements": []})
    (found,) = recover.recover(tmp_path)
    assert found.state == "running" and running.journal_path.is_file()
    assert query(tmp_path, "from runs").num_rows == 0


def test_another_machines_journal_only_when_asked(tmp_path, orphan):
    path = tmp_path / "inflight" / f"{orphan}.jsonl"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps(json.loads(first) | {"host": "elsewhere"}) + "\n", *rest]))
    (found,) = recover.recover(tmp_path)
    assert found.state == "elsewhere" and "was begun on elsewhere" in found.says
    assert recover.recover(tmp_path, other_hosts=True)[0].state == "saved"


def test_killed_between_commit_and_clean_up(tmp_path, orphan):
    path = tmp_path / "inflight" / f"{orphan}.jsonl"
    text = path.read_text()
    recover.recover(tmp_path)
    path.write_text(text)
    assert recover.recover(tmp_path)[0].state == "committed" and not path.exists()
    assert query(tmp_path, "from runs").num_rows == 1


def test_one_damaged_journal_does_not_stop_the_others(tmp_path, orphan):
    damaged = tmp_path / "inflight" / "20000101T000000Z-aaaaaaa-0000.jsonl"
    damaged.write_text("{}\n{}\n")
    assert [found.state for found in recover.recover(tmp_path)] == ["refused", "saved"]
    assert damaged.is_file()


def test_a_journal_without_claims_is_removed(tmp_path, orphan):
    path = tmp_path / "inflight" / f"{orphan}.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    assert recover.recover(tmp_path)[0].state == "empty" and not path.exists()


def test_a_journal_without_a_first_line_may_be_one_that_is_begun_now(tmp_path, orphan):
    path = tmp_path / "inflight" / f"{orphan}.jsonl"
    path.write_text("")
    assert recover.recover(tmp_path)[0].state == "running" and path.exists()
    os.utime(path, (0, 0))
    assert recover.recover(tmp_path)[0].state == "empty" and not path.exists()
