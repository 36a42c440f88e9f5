"""The journal of a session that is still running: results/inflight/<run_id>.jsonl.

The first line says whose it is (run id, host, pid, start of that process) and holds the run's provenance; every other line
is one claim with all its measurements. Lines are flushed one by one, so a kill loses at most the claim being measured.
"""

import json
import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import StoreError
from harness.store.rows import check_row

CLAIM = "claim"


class Journal(NamedTuple):
    """What a journal file holds: its owner, provenance for table runs, rows of claims and measurements."""

    path: Path
    run_id: str
    host: str
    pid: int
    born: str
    run: dict[str, Any]
    claims: list[dict[str, Any]]
    measurements: list[dict[str, Any]]


def process_start(pid: int) -> str:
    """A token that tells a process from a later one with the same pid; "" if there is no such process.

    On Linux the start time in clock ticks (field 22 of /proc/<pid>/stat); elsewhere "alive".
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            state, *fields = stat.read_text().rpartition(")")[2].split()
            return "" if state == "Z" else fields[18]
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    except PermissionError:
        pass
    return "alive"


def header(run_id: str, run: Mapping[str, Any]) -> str:
    """The first line of a journal."""
    pid = os.getpid()
    owner = {"run_id": run_id, "host": socket.gethostname(), "pid": pid, "born": process_start(pid)}
    return _line({"kind": "session", **owner, "run": dict(run)})


def entry(kind: str, message: Mapping[str, Any], run_id: str) -> str:
    """One journal line. Lines of kind "claim" come back with `harness recover`; others are notes for people.

    Args:
        message: for a claim, {"claim": row of table claims, "measurements": rows, ...}; more keys are kept as they are.

    Raises:
        StoreError: a row does not fit its table, or holds NaN or what JSON cannot hold: now, not when the session ends.
    """
    message = dict(message)
    if kind == CLAIM:
        message["claim"] = check_row("claims", {**message["claim"], "run_id": run_id})
        message["measurements"] = [check_row("measurements", {**row, "run_id": run_id}) for row in message["measurements"]]
    return _line({"kind": kind, **message})


def _line(content: dict[str, Any]) -> str:
    try:
        return json.dumps(content, allow_nan=False, default=_plain) + "\n"
    except (TypeError, ValueError) as error:
        raise StoreError(f"a journal line must be plain Python data: {error}") from error


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not; convert it with float(), int() or str()")


def read(path: Path) -> Journal | None:
    """Read a journal; None when not even its first line was written.

    A last line cut short by a kill is left out.

    Raises:
        StoreError: a line in the middle is not JSON, so the file was altered or damaged.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    if not lines:
        return None
    try:
        first, *rest = (json.loads(text) for text in lines)
        owner = (first["run_id"], first["host"], first["pid"], first["born"], first["run"])
        claims = [line for line in rest if line["kind"] == CLAIM]
        measurements = [row for line in claims for row in line["measurements"]]
        return Journal(path, *owner, [line["claim"] for line in claims], measurements)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); move it out of the results folder") from error


def is_here(journal: Journal) -> bool:
    """Whether the journal was begun on this machine; of another one's processes nothing can be told."""
    return journal.host == socket.gethostname()


def is_alive(journal: Journal) -> bool:
    """Whether the process that writes the journal still runs on this machine."""
    return bool(journal.born) and process_start(journal.pid) == journal.born
