"""Which files of a store are believed, now that the sessions of a month can be merged into one file a table.

    <table>/<YYYY-MM>/<run_id>.parquet          one session
    <table>/<YYYY-MM>/compact-<hash>.parquet    many; the hash is of its runs and tables

As for a session, the file in `runs` is the commit marker: a compact file counts in no table until its namesake in `runs` exists,
and from then on takes the place of every file, single or compact, whose runs and table it covers. So a merge that is killed, and
one whose old files were copied here once more, neither loses nor doubles a row: what is superseded is not read, there or not.
Which tables a compact file covers is in the metadata of its `runs` file, so that a table that an older harness did not know is
not lost.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.errors import StoreError

PREFIX = "compact-"
KEY = b"compacts"
"""Metadata key of a compact `runs` file: JSON of table to number of rows."""


class Compact(NamedTuple):
    """A committed compact file: its `runs` file, the runs in it, and its rows by table."""

    path: Path
    runs: frozenset[str]
    tables: dict[str, int]

    def supersedes(self, other: "Compact") -> bool:
        covered = other.runs <= self.runs and other.tables.keys() <= self.tables.keys()
        return covered and (self.runs, self.tables.keys()) != (other.runs, other.tables.keys())


def compact_name(runs: Iterable[str], tables: Iterable[str]) -> str:
    """The file name for these runs and tables: the same on every machine."""
    content = json.dumps([sorted(runs), sorted(tables)])
    return f"{PREFIX}{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"


def is_compact(path: Path) -> bool:
    return path.name.startswith(PREFIX)


def compact_names(results_dir: Path) -> list[str]:
    """Paths of the commit markers, cheap to list."""
    return sorted(map(str, (results_dir / "runs").glob(f"*/{PREFIX}*.parquet")))


def every_compact(results_dir: Path) -> list[Compact]:
    """All committed compact files, superseded ones too, by name."""
    return [_read(path) for path in sorted((results_dir / "runs").glob(f"*/{PREFIX}*.parquet"), key=lambda path: path.name)]


def live_compacts(results_dir: Path) -> list[Compact]:
    """Committed compact files that no other supersedes.

    Raises:
        StoreError: a run is in two of them, or a part of one is missing.
        FileNotFoundError: one is gone since it was listed.
    """
    live = check_parts(results_dir)
    for i, one in enumerate(live):
        for other in live[:i]:
            for run in sorted(one.runs & other.runs)[:1]:
                same_month = one.path.parent == other.path.parent
                cure = "`harness compact --all` merges them" if same_month else "move one of them away"
                raise StoreError(f"run {run} is stored twice, in {other.path} and {one.path}; {cure}")
    return live


def check_parts(results_dir: Path) -> list[Compact]:
    """Committed compact files that no other supersedes, each with all its parts.

    Raises:
        StoreError: a part is missing, such as after half a copy from another machine.
    """
    found = every_compact(results_dir)
    live = [one for one in found if not any(other.supersedes(one) for other in found)]
    for one in live:
        for table in one.tables:
            part = results_dir / table / one.path.parent.name / one.path.name
            if not part.is_file():
                raise StoreError(f"{one.path} goes with {part}, which is not there; copy it from where the store came from")
    return live


def believed(files: Iterable[Path], table: str, live: Iterable[Compact]) -> list[Path]:
    """Those of a table's files that are read."""
    live = list(live)
    names = {compact.path.name for compact in live if table in compact.tables}
    covered = frozenset().union(*(compact.runs for compact in live if table in compact.tables))
    return [path for path in files if (path.name in names if is_compact(path) else path.stem not in covered)]


def is_stored(results_dir: Path, run_id: str) -> bool:
    """Whether a run is complete in the store, in a file of its own or in a compact one."""
    single = results_dir / "runs" / f"{run_id[:4]}-{run_id[4:6]}" / f"{run_id}.parquet"
    return single.is_file() or any(run_id in compact.runs for compact in every_compact(results_dir))


def _read(path: Path) -> Compact:
    import pyarrow.parquet as pq

    from harness.store.reader import check_file

    check_file(path, "runs")
    try:
        tables = json.loads((pq.read_schema(path).metadata or {})[KEY])
    except (KeyError, ValueError) as error:
        raise StoreError(f"{path} is named like a compact file and is none; move it out of the results folder") from error
    return Compact(path, frozenset(pq.read_table(path, columns=["run_id"]).column("run_id").to_pylist()), tables)
