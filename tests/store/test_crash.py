"""Two writers at once, and a writer that is killed: what was complete stays, what was not is invisible."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import harness
from harness.store import journal
from harness.store.reader import query

ROOT = os.path.dirname(os.path.dirname(harness.__file__))


def _commit_many(folder, name, times):
    from datetime import UTC, datetime

    from harness.store.writer import Session

    for _ in range(times):
        session = Session(folder).open({"git_sha": "ab12cd3"})
        shared = {"claim_id": f"paper/{name}", "scale": "tiny"}
        value = {**shared, "role": "claim", "seed": 0, "value": 1.0, "status": "ok"}
        now = datetime.now(UTC)
        run = {"started": now, "finished": now, "mode": "dev", "judged": "regression", "schema_version": 1}
        session.commit({"measurements": [value], "runs": [run]})


def test_two_sessions_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_commit_many, args=(tmp_path, name, 10)) for name in ("one", "two")]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
    assert [process.exitcode for process in writers] == [0, 0]
    counts = query(tmp_path, "select claim_id, count(distinct run_id) as n from measurements group by 1 order by 1").to_pylist()
    assert counts == [{"claim_id": "paper/one", "n": 10}, {"claim_id": "paper/two", "n": 10}]
    assert not list((tmp_path / "inflight").iterdir())


KILLED_BETWEEN_TABLES = """
    import os, signal, sys
    from datetime import UTC, datetime
    from harness.store import writer

    session = writer.Session(sys.argv[1]).open({"mode": "dev", "judged": "regression"})
    claim = dict(claim_id="paper/done", scale="tiny", paper="paper", version=1, spec_sha="s", spec="{}", status="measured")
    value = dict(claim_id="paper/done", scale="tiny", role="claim", seed=0, value=1.0, status="ok")
    session.journal("claim", {"claim": claim, "measurements": [value]})
    replace, done = os.replace, []

    def replace_and_die(source, target):
        replace(source, target)
        done.append(target)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die
    now = datetime.now(UTC)
    run = dict(started=now, finished=now, mode="dev", judged="regression", schema_version=1)
    session.commit({"claims": [claim], "measurements": [value], "runs": [run]})
"""


def test_a_run_killed_while_it_is_written_is_invisible(tmp_path, store, rows):
    before = store(measurements=[rows.measurement()])
    code = textwrap.dedent(KILLED_BETWEEN_TABLES)
    ended = subprocess.run([sys.executable, "-c", code, str(store.folder)], env={**os.environ, "PYTHONPATH": ROOT})
    assert ended.returncode == -signal.SIGKILL
    assert len(list((store.folder / "measurements").glob("*/*.parquet"))) == 2
    assert query(store.folder, "select run_id from measurements").to_pylist() == [{"run_id": before}]
    (left,) = (store.folder / "inflight").iterdir()
    found = journal.read(left)
    assert [row["claim_id"] for row in found.claims] == ["paper/done"] and not journal.is_alive(found)
