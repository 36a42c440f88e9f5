import json
import os
import subprocess
import sys

import pytest
from harness.errors import StoreError
from harness.store import journal
from harness.store.writer import Session


@pytest.fixture
def session(tmp_path, rows):
    session = Session(tmp_path).open({"mode": "ci", "judged": "regression"})
    for name in ("paper/one", "paper/two"):
        message = {"claim": rows.claim_row(name), "measurements": [rows.measurement(claim_id=name)], "seconds": {"training": 1.0}}
        session.journal("claim", message)
    return session


def test_what_was_journalled_is_read_back(session):
    found = journal.read(session.journal_path)
    assert found.run["mode"] == "ci" and found.run_id == session.run_id
    assert [row["claim_id"] for row in found.claims] == ["paper/one", "paper/two"]
    assert found.measurements[0]["value"] == 1.5 and found.measurements[0]["run_id"] == session.run_id


def test_a_line_cut_short_is_left_out(session):
    text = session.journal_path.read_text()
    session.journal_path.write_text(text[:-20])
    assert [row["claim_id"] for row in journal.read(session.journal_path).claims] == ["paper/one"]


def test_not_even_a_first_line(session):
    session.journal_path.write_text('{"kind": "sess')
    assert journal.read(session.journal_path) is None


def test_damage_in_the_middle_is_named(session):
    first, second, third = session.journal_path.read_text().splitlines(keepends=True)
    session.journal_path.write_text(first + second[:30] + "\n" + third)
    with pytest.raises(StoreError, match=r"\.jsonl is damaged .*; move it out of the results folder"):
        journal.read(session.journal_path)


def test_this_process_is_alive_and_an_ended_one_is_not(session):
    found = journal.read(session.journal_path)
    assert journal.is_here(found) and journal.is_alive(found)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not journal.is_alive(found._replace(pid=ended.pid))


def test_a_recycled_pid_is_another_process(session):
    found = journal.read(session.journal_path)
    assert found.pid == os.getpid() and not journal.is_alive(found._replace(born="1"))


def test_a_killed_process_not_yet_reaped_is_dead():
    """A zombie keeps its pid; it will write no more."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert journal.process_start(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert journal.process_start(child.pid) == ""
    child.communicate()


def test_another_hosts_journal_is_not_here(session):
    assert not journal.is_here(journal.read(session.journal_path)._replace(host="elsewhere"))


def test_notes_are_kept_but_are_no_claims(session):
    session.journal("note", {"text": "worker gw1 died"})
    assert json.loads(session.journal_path.read_text().splitlines()[-1])["text"] == "worker gw1 died"
    assert len(journal.read(session.journal_path).claims) == 2


def test_a_numpy_number_in_a_note_is_refused_at_once(session):
    import numpy as np

    with pytest.raises(StoreError, match=r"plain Python data: float32 is not; convert it with float\(\)"):
        session.journal("note", {"loss": np.float32(1.0)})
