"""Reading the store with DuckDB: every file is checked before it is believed.

A truncated file fails a whole query with a message about magic bytes, a file of another schema widens or casts a column in
silence, and a file copied into a second month counts its rows twice. All three are found here, from the footers alone, and
named. Files are always read with union_by_name=true: without it the first file's types win and 1.5 is read as 2.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError
from harness.store.compacted import Compact, believed, compact_names, live_compacts
from harness.store.schema import COLUMNS, columns, schema

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

DERIVED = ("complete_runs", "standing", "latest_verdict", "latest_evidence", "flips", "noise_floor", "explained_by_noise")
DERIVED += ("latest_profile",)
"""Views of views.sql beyond the tables; the table macro evidence(claim) stands beside them."""
TRIES = 3  # listings of a store whose files are merged meanwhile


def connect(results_dir: str | Path, *, in_memory: bool = False, sql: str | None = None) -> "duckdb.DuckDBPyConnection":
    """An in-memory connection with the store's tables and the views of views.sql.

    `runs`, `claims`, `measurements` and `verdicts` hold complete runs only. An empty or missing folder reads as no rows.

    Args:
        results_dir: the store.
        in_memory: copy the tables to memory now, so that no file of the store is opened later.
        sql: make only the tables and views that this text names and those that they rest on; half of a short query's time is
            the making of all. Every file is checked in any case.

    Raises:
        StoreError: a file is truncated, empty, foreign or there twice.
    """
    import duckdb

    results_dir = Path(results_dir)
    # The extensions in use are built in; without these settings an unknown function would look for one on the network.
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    kind, needed = "TABLE" if in_memory else "VIEW", _needed(sql)
    for table, files in store_files(results_dir).items():
        if f"stored_{table}" not in needed:
            continue
        connection.register("empty", schema(table).empty_table())
        connection.execute(f"CREATE TABLE zero_{table} AS FROM empty")
        connection.unregister("empty")
        stored = f"UNION ALL BY NAME FROM read_parquet([{_literals(files)}], union_by_name = true)" if files else ""
        connection.execute(f"CREATE {kind} stored_{table} AS FROM zero_{table} {stored}")
    connection.execute("\n".join(text for name, text in _definitions().items() if name in needed))
    return connection


@cache
def _definitions() -> dict[str, str]:
    """The statements of views.sql by the name that each defines, in their order, without comments."""
    text = resources.files("harness.store").joinpath("views.sql").read_text(encoding="utf-8")
    statements = re.split(r"^(?=CREATE )", re.sub(r"^--.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    return {re.match(r"CREATE (?:VIEW|MACRO) (\w+)", statement)[1]: statement for statement in statements}


def _needed(sql: str | None) -> set[str]:
    """Names of the tables and views that an SQL text names, and of those beneath them; all where it names none, as SHOW TABLES."""
    known = {**_definitions(), **{f"stored_{table}": "" for table in COLUMNS}}
    needed: set[str] = set()
    found = _words(sql or "") & known.keys()
    while found:
        needed |= found
        found = {word for name in found for word in _words(known[name])} & known.keys() - needed
    return needed or set(known)


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", sql.lower()))


def query(results_dir: str | Path, sql: str, params: Mapping[str, Any] | None = None) -> "pa.Table":
    """Run SQL over the store; the last statement's rows.

    Args:
        results_dir: the results folder.
        sql: DuckDB SQL over the tables and views of `connect`.
        params: values of `$name` parameters.

    Raises:
        StoreError: DuckDB refuses the SQL, or a file of the store cannot be read.
    """
    import duckdb

    try:
        with connect(results_dir, sql=sql) as connection:
            return ask(connection, sql, params)
    except StoreError as error:
        if not isinstance(error.__cause__, duckdb.IOException):
            raise
    with connect(results_dir, sql=sql) as connection:  # once more: files that were listed may have been merged before they were read
        return ask(connection, sql, params)


def ask(connection: "duckdb.DuckDBPyConnection", sql: str, params: Mapping[str, Any] | None = None) -> "pa.Table":
    """`query` on an open connection, for several questions about the same files."""
    import duckdb
    import pyarrow as pa

    try:
        relation = connection.sql(sql, params=dict(params or {}) or None)
        return relation.to_arrow_table() if relation is not None else pa.table({})
    except duckdb.Error as error:
        raise StoreError(f"the query failed: {str(error).strip()}") from error


def store_files(results_dir: Path) -> dict[str, list[Path]]:
    """The files that are read, by table; see `harness.store.compacted`."""
    gone = results_dir
    for _ in range(TRIES):
        # Old files go once a merge is committed, so a listing is whole if nothing was committed meanwhile.
        before = compact_names(results_dir)
        try:
            live = live_compacts(results_dir)
            found = {table: table_files(results_dir, table, live) for table in COLUMNS}
        except FileNotFoundError as error:
            gone = error.filename
            continue
        if compact_names(results_dir) == before:
            return found
    raise StoreError(f"{gone} changed while it was read; is `harness compact` at work, or is it a link to a file that is gone?")


def table_files(results_dir: Path, table: str, live: Sequence[Compact] = ()) -> list[Path]:
    """A table's data files in order of their run ids, each checked; without those that a compact file supersedes."""
    files = believed(sorted((results_dir / table).glob("*/*.parquet"), key=lambda path: path.name), table, live)
    for one, other in zip(files, files[1:], strict=False):
        if one.name == other.name:
            raise StoreError(f"run {one.stem} is stored twice, in {one.parent} and {other.parent}; move one of them away")
    for path in files:
        check_file(path, table)
    return files


def check_file(path: Path, table: str) -> None:
    """Check a Parquet file's footer against the table's schema.

    Files of an older schema lack nullable columns and those of a newer one have more of them; both read well.

    Raises:
        StoreError: truncated, empty, not written by this store, or a column has another type.
        FileNotFoundError: it is gone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    away = "move it out of the results folder"
    try:
        found = pq.read_schema(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except (pa.ArrowInvalid, OSError) as error:
        what = "is empty (0 bytes)" if path.stat().st_size == 0 else "is truncated or not a Parquet file"
        raise StoreError(f"{path} {what}; {away}, the other runs are intact") from error
    if b"schema_version" not in (found.metadata or {}):
        raise StoreError(f"{path} was not written by this harness (no schema_version in its metadata); {away}")
    pinned = schema(table)
    for name, column in columns(table).items():
        if name not in found.names:
            if not column.nullable:
                raise StoreError(f"{path} lacks the column {name!r} of table {table}; {away}")
        elif not found.field(name).type.equals(pinned.field(name).type):
            raise StoreError(
                f"{path}: column {name!r} is {found.field(name).type}, but table {table} has {pinned.field(name).type}; {away}"
            )


def _literals(files: list[Path]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
