"""Turning the journals of killed sessions into runs: claims that were complete come back, judged as a session would have.

A journal whose process still runs is left alone; so is one of another machine, since its processes cannot be seen from here.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from harness.engine import judging, pool
from harness.errors import HarnessError
from harness.store import journal as journals
from harness.store.compacted import is_stored
from harness.store.schema import SCHEMA_VERSION
from harness.store.writer import Session

JUST_BEGUN_S = 60.0


class Recovered(NamedTuple):
    """What became of one journal: "saved", "empty", "committed", "running", "elsewhere" or "refused", and a sentence."""

    path: Path
    state: str
    says: str


def recover(results_dir: str | Path, *, other_hosts: bool = False) -> list[Recovered]:
    """Save what every orphaned journal holds, oldest first; a journal is removed once its rows are in Parquet.

    Args:
        results_dir: the store.
        other_hosts: take journals of other machines too; only where none of them is writing here.
    """
    folder = Path(results_dir) / "inflight"
    return [_recover(Path(results_dir), path, other_hosts) for path in sorted(folder.glob("*.jsonl"))]


def _recover(results_dir: Path, path: Path, other_hosts: bool) -> Recovered:
    try:
        journal = journals.read(path)
        state, says = _headless(path) if journal is None else _settle(results_dir, journal, other_hosts)
    except HarnessError as error:
        return Recovered(path, "refused", str(error))
    if state in ("saved", "committed", "empty"):
        path.unlink(missing_ok=True)
    return Recovered(path, state, f"{path.stem} {says}")


def _headless(path: Path) -> tuple[str, str]:
    """A journal without its first line was killed while it was begun, unless it is being begun right now."""
    if time.time() - path.stat().st_mtime < JUST_BEGUN_S:
        return "running", "has only just been begun and is left alone"
    return "empty", "holds nothing; it is removed"


def _settle(results_dir: Path, journal: journals.Journal, other_hosts: bool) -> tuple[str, str]:
    if not journals.is_here(journal):
        if not other_hosts:
            return "elsewhere", f"was begun on {journal.host} and is left alone; recover it there, or with --other-hosts"
    elif journals.is_alive(journal):
        return "running", f"is being written by process {journal.pid} and is left alone"
    if is_stored(results_dir, journal.run_id):
        return "committed", "was complete already; its journal is removed"
    if not journal.claims:
        return "empty", "holds no complete claim; its journal is removed"
    return "saved", _save(results_dir, journal)


def _save(results_dir: Path, journal: journals.Journal) -> str:
    run = {"mode": "dev", "judged": "regression", **journal.run}
    rows = pool.with_earlier_in(results_dir, run.get("pooled") or (), journal.claims, journal.measurements)
    verdicts = judging.verdict_rows(journal.claims, rows, run["judged"])
    run |= judging.tally(journal.claims, verdicts)
    run |= {
        "finished": datetime.fromtimestamp(journal.path.stat().st_mtime, UTC),
        "recovered": True,
        "schema_version": SCHEMA_VERSION,
    }
    for leftover in results_dir.glob(f"*/*/{journal.run_id}.parquet.tmp"):
        leftover.unlink(missing_ok=True)
    session = Session(results_dir, journal.run_id)
    session.commit({"claims": journal.claims, "measurements": journal.measurements, "verdicts": verdicts, "runs": [run]})
    number = len(journal.claims)
    return f"is saved: {number} claim{'s' * (number != 1)}, {len(journal.measurements)} measurements"
