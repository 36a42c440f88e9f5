"""Merging the sessions of a month into one file a table: what `harness compact` does.

Thousands of small files are slow to list, to check and to read, and say nothing that one file does not. The order of the steps, of
which any may be the last that a killed process takes (`harness.store.compacted` says why readers never see a row less or twice):

    1. each table's compact file is written as .parquet.tmp, made durable (fsync), read back and counted, and renamed
    2. the compact file of `runs`, last: from this rename on the merge is committed
    3. what it took the place of is removed; a later `harness compact` goes on with that

Only complete runs are merged: rows of a session that is still writing, or was killed before its `runs` file, stay where they are.
A run that is there more than once (copied here again from another machine) must have the same rows each time.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import StoreError
from harness.store.compacted import KEY, PREFIX, check_parts, compact_name, every_compact, is_compact
from harness.store.reader import check_file
from harness.store.schema import COLUMNS, SCHEMA_VERSION, schema

if TYPE_CHECKING:
    import pyarrow as pa

HALF = ".tmp"
GROUP_ROWS = 50_000  # rows of a row group, and of what is held in memory at once


class Merged(NamedTuple):
    """What became of one month: runs in it, and data files and their bytes before and after."""

    month: str
    runs: int
    files: int
    bytes: int
    files_after: int
    bytes_after: int


class _Month(NamedTuple):
    """A month's sources: paths by table, compact files first; `runs` are the complete ones."""

    name: str
    runs: frozenset[str]
    sources: dict[str, list[Path]]

    @property
    def paths(self) -> list[Path]:
        return [path for paths in self.sources.values() for path in paths]


def compact(results_dir: str | Path, *, every_month: bool = False, now: datetime | None = None) -> list[Merged]:
    """Merge the months that are over; months of which nothing is to be merged are not in the answer.

    Args:
        results_dir: the store.
        every_month: the current month too.
        now: the present, for tests.

    Raises:
        StoreError: a file is damaged, a run is there twice with different rows, the disk refuses, or another process merges.
            The store reads as before.
    """
    results = Path(results_dir)
    current = f"{(now or datetime.now(UTC)).astimezone(UTC):%Y-%m}"
    with _alone(results), _refused(results):
        check_parts(results)
        months = sorted({path.name for path in (results / "runs").glob("*") if path.is_dir()})
        done = (_compact(results, month) for month in months if every_month or month < current)
        return [merged for merged in done if merged is not None]


def _compact(results: Path, name: str) -> Merged | None:
    month = _sources(results, name)
    tables = sorted(table for table, paths in month.sources.items() if paths)
    target = compact_name(month.runs, tables)
    if not month.runs or len(month.paths) == len(tables):
        return None  # one file a table is there already
    size = sum(path.stat().st_size for path in month.paths)
    rows = {table: _merge(results, month, table, target) for table in tables if table != "runs"}
    _merge(results, month, "runs", target, rows)
    kept = [results / table / name / target for table in tables]
    for path in month.paths:
        if path not in kept:
            os.unlink(path)
    return Merged(name, len(month.runs), len(month.paths), size, len(kept), sum(path.stat().st_size for path in kept))


def _sources(results: Path, name: str) -> _Month:
    """The files of a month's complete runs. What an unfinished merge left is among them, and is removed with them."""
    compacts = {each.path.name: each.runs for each in every_compact(results) if each.path.parent.name == name}
    singles = {path.stem for path in (results / "runs" / name).glob("*.parquet") if not is_compact(path)}
    runs = frozenset(singles.union(*compacts.values()))
    sources: dict[str, list[Path]] = {}
    for table in COLUMNS:
        folder = results / table / name
        for half_written in folder.glob(f"{PREFIX}*{HALF}"):
            os.unlink(half_written)
        files = sorted(folder.glob("*.parquet"), key=lambda path: (not is_compact(path), path.name))
        for path in files:
            check_file(path, table)
        sources[table] = [path for path in files if _is_source(path, compacts, runs)]
    return _Month(name, runs, sources)


def _is_source(path: Path, compacts: dict[str, frozenset[str]], runs: frozenset[str]) -> bool:
    """A compact file without its `runs` file was left by a killed merge if its runs are all here, else it is being copied."""
    if not is_compact(path):
        return path.stem in runs
    return path.name in compacts or set(_run_ids(path)) <= runs


def _run_ids(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=["run_id"]).column("run_id").to_pylist()


def _merge(results: Path, month: _Month, table: str, target: str, counts: dict[str, int] | None = None) -> int:
    """Write a table's compact file, durably; gives its number of rows. A file of that name holds the same."""
    path = results / table / month.name / target
    temporary = path.with_name(path.name + HALF)
    metadata = {"schema_version": str(SCHEMA_VERSION), "git_sha": ""}
    if counts is not None:
        metadata[KEY.decode()] = json.dumps({**counts, "runs": len(month.runs)})
    layout = _layout(month.sources[table], table).with_metadata(metadata)
    try:
        expected = _write(temporary, month.sources[table], layout)
        os.replace(temporary, path)
    except (OSError, StoreError):
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return expected


def _write(path: Path, sources: list[Path], layout: "pa.Schema") -> int:
    import pyarrow.parquet as pq

    expected = 0
    with path.open("wb") as file:
        with pq.ParquetWriter(file, layout, compression="zstd") as writer:
            for rows in _batches(sources, layout):
                writer.write_table(rows)
                expected += rows.num_rows
        file.flush()
        os.fsync(file.fileno())
    if (found := pq.read_metadata(path).num_rows) != expected:
        raise StoreError(f"{path} has {found} rows instead of {expected}; nothing was changed, is the disk sound?")
    return expected


def _layout(paths: list[Path], table: str) -> "pa.Schema":
    """The table's columns, then those that files of a newer harness have on top."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pa.unify_schemas([schema(table), *(pq.read_schema(path).remove_metadata() for path in paths)])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StoreError(f"files of table {table} in {paths[0].parent} do not go together: {error}") from error


def _batches(paths: list[Path], layout: "pa.Schema") -> Iterator["pa.Table"]:
    """The rows of all files, each run's once, in tables of about GROUP_ROWS rows."""
    import pyarrow as pa

    held: list[pa.Table] = []
    first: dict[str, Path] = {}
    again: tuple[Path | None, dict[str, pa.Table]] = (None, {})
    count = 0
    for path in paths:
        for run, rows in _by_run(path, layout):
            if run in first:
                if again[0] != first[run]:
                    again = (first[run], dict(_by_run(first[run], layout)))
                if not again[1][run].equals(rows):
                    both = f"{first[run]} and {path}"
                    raise StoreError(f"run {run} is stored twice with different rows, in {both}; move one of them away")
                continue
            first[run] = path
            held.append(rows)
            count += rows.num_rows
            if count >= GROUP_ROWS:
                yield pa.concat_tables(held).combine_chunks()
                held, count = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _by_run(path: Path, layout: "pa.Schema") -> Iterator[tuple[str, "pa.Table"]]:
    """A file's rows, run by run; a run's rows stand together."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            found = file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path} cannot be read ({error}); move it out of the results folder") from error
    for field in layout:
        if field.name not in found.column_names:
            found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    found = found.select(layout.names).cast(layout)
    ids = found.column("run_id").to_pylist()
    bounds = [i for i, run in enumerate(ids) if i == 0 or run != ids[i - 1]] + [len(ids)]
    for start, end in pairwise(bounds):
        if not is_compact(path) and ids[start] != path.stem:
            raise StoreError(f"{path} holds rows of run {ids[start]}: its name or its rows were changed; move it away")
        yield ids[start], found.slice(start, end - start)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the system lets folders be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(results: Path) -> Iterator[None]:
    """Hold the results folder against another merge; the kernel lets go of it when the process dies."""
    try:
        import fcntl
    except ImportError:  # not on Windows, where nothing keeps two merges apart
        yield
        return
    handle = os.open(results, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"another `harness compact` is at work in {results}; wait until it has ended") from error
    finally:
        os.close(handle)


@contextmanager
def _refused(results: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot merge files in {results}: {error.strerror or error}; the store reads as before") from error
