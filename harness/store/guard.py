"""SQL that somebody typed: it reads the store and nothing else, unless a folder is given that it may write to.

Reading alone (the default). DuckDB itself may open no file outside the store's folder (`enable_external_access`), the statement
runs in a read-only transaction, and it must be a query. None of the three is enough alone:
- the read-only transaction stops INSERT, UPDATE and CREATE, but not COPY, which writes no table;
- a query can hold a write: `WITH x AS (COPY runs TO 'file') FROM x` is a SELECT to DuckDB 2.0, and its EXPLAIN makes the file;
- a folder that may be read may be written as well, and the store's folder must be read.
So the words that can write inside a query are refused where they stand as words of SQL (not in strings, comments, "quotes").

With a folder to write to, every statement is allowed and DuckDB opens files in that folder only: the store's tables are first
copied to memory, and the folder may neither lie in the results folder nor hold it. Tables that are made or changed are gone at
the end; what is to stay is written with COPY.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import StoreError
from harness.store.reader import connect
from harness.store.sql_errors import explained

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

WRITE_HELP = (
    "`--write DIR` allows every statement, and files in DIR (an existing folder outside the results folder): "
    "COPY runs TO 'DIR/runs.csv'. Tables and changes are made in memory and gone at the end; the store itself is never changed"
)
_READING = {"SELECT", "EXPLAIN", "MULTI"}  # MULTI: a PIVOT; SHOW, DESCRIBE and SUMMARIZE are SELECTs
_WRITING_WORDS = {"copy", "insert", "update", "delete", "merge"}


class Asking(NamedTuple):
    """A connection for SQL from outside; `writes` says whether a folder to write to was given."""

    connection: "duckdb.DuckDBPyConnection"
    writes: bool


def open_store(results_dir: str | Path, write: Path | None = None) -> Asking:
    """A guarded connection on the store.

    Args:
        results_dir: the store.
        write: a folder in which statements may write; None to read alone.

    Raises:
        StoreError: a file of the store cannot be read, or there is no such folder, or it touches the results folder.
    """
    results = Path(results_dir)
    if write is not None:
        _check_folder(write, results)
    connection = connect(results, in_memory=write is not None)
    # Relative names count from the working directory, which must lie in the folder or not be used.
    connection.execute("SET allowed_directories = $folders", {"folders": _spellings(results if write is None else write)})
    for setting in ("enable_external_access = false", "errors_as_json = true", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return Asking(connection, write is not None)


def _check_folder(folder: Path, results: Path) -> None:
    if not folder.is_dir():
        raise StoreError(f"--write {folder}: there is no such folder; make it, or name another")
    inner, outer = folder.resolve(), results.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise StoreError(f"--write {folder} lies in the results folder or holds it, where only sessions write; name another folder")


def _spellings(folder: Path) -> list[str]:
    """A folder as it is written and as it is: DuckDB compares names, not places."""
    return sorted({f"{folder}/", f"{folder.absolute()}/", f"{folder.resolve()}/"})


def statements(asking: Asking, sql: str) -> Iterator[str]:
    """The statements in a text, each checked before the first is run.

    Raises:
        StoreError: it is not SQL, or a statement writes and no folder to write to was given.
    """
    import duckdb

    try:
        found = asking.connection.extract_statements(sql)
    except duckdb.Error as error:
        raise explained(asking.connection, error, sql) from error
    texts = [statement.query.strip() for statement in found]
    if not asking.writes:
        for statement, text in zip(found, texts, strict=True):
            word = _writes(statement.type.name, text)
            if word:
                raise StoreError(f"the query writes ({word}), and without --write DIR the store is only read; {WRITE_HELP}")
    yield from texts


def _writes(kind: str, sql: str) -> str:
    """The word for which a statement is refused, or ""."""
    import duckdb

    if kind not in _READING:
        return kind.replace("_", " ")
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(sql.encode())]
    for (start, type_), end in zip(tokens, ends, strict=True):
        word = sql.encode()[start:end].decode(errors="replace").strip().lower()
        if word in _WRITING_WORDS and type_ == duckdb.token_type.keyword:
            return word.upper()
    return ""


def run(asking: Asking, sql: str, params: Mapping[str, Any] | None = None) -> "pa.Table | None":
    """Run one statement; its rows, or None where it has no result.

    Ctrl-C stops the statement and is raised again as KeyboardInterrupt.

    Args:
        params: values of the `$name` parameters.

    Raises:
        StoreError: DuckDB refuses the SQL, or a file of the store cannot be read.
    """
    import duckdb

    connection = asking.connection
    try:
        return _interruptible(connection, lambda: _answer(asking, sql, params))
    except duckdb.Error as error:
        raise explained(connection, error, sql) from error


def _answer(asking: Asking, sql: str, params: Mapping[str, Any] | None) -> "pa.Table | None":
    connection = asking.connection
    if not asking.writes:
        connection.execute("BEGIN TRANSACTION READ ONLY")
    try:
        # execute(), since the errors of sql() do not say where; its hint about an extra copy is no news to the user.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            done = connection.execute(sql, dict(params or {}) or None)
            return done.to_arrow_table() if done.description else None
    finally:
        if not asking.writes:
            connection.execute("ROLLBACK")


def _interruptible(connection: "duckdb.DuckDBPyConnection", work: Callable[[], Any]) -> Any:
    """Do the work in a thread: in the main one DuckDB does not always look for signals, and Ctrl-C would wait for the end."""
    import duckdb

    outcome: list[Any] = []
    done = Event()

    def do() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:  # raised again below, in the main thread
            outcome.append((None, error))
        done.set()

    Thread(target=do, daemon=True).start()
    stopped = False
    while not done.is_set():
        try:
            # Not join(): interrupted, it takes a running thread for one that has ended (CPython 3.11).
            if not done.wait(1.0 if stopped else 0.1) and stopped:
                connection.interrupt()  # once more: the first may have come before the statement began
        except KeyboardInterrupt:
            stopped = True
            connection.interrupt()
    value, error = outcome[0]
    if stopped and (error is None or isinstance(error, duckdb.InterruptException)):
        raise KeyboardInterrupt
    if error is not None:
        raise error
    return value
