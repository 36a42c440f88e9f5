"""DuckDB's errors as one message that points at the place.

    the query failed: Binder Error: there is no column "estimte" here; did you mean "estimate"?
      select estimte from flips
             ^

DuckDB reports errors as JSON (`SET errors_as_json`), with the offset of the word that it could not read. Its own suggestions
come from a short list, and are taken only where the store's tables and columns have nothing nearer.
"""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import StoreError

if TYPE_CHECKING:
    import duckdb

_NO_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]+)"')
_NO_TABLE = re.compile(r'Table with name (\S+) does not exist|Referenced table "([^"]+)" not found')
_CANDIDATES = re.compile(r'"([^"]+)"')
SHORTEST_NAME = 3  # a column `n` is near to everything


class Told(NamedTuple):
    """What DuckDB says of an error: its kind, its message, and where in the SQL, None where it is not said."""

    kind: str
    message: str
    offset: int | None


def explained(connection: "duckdb.DuckDBPyConnection", error: Exception, sql: str) -> StoreError:
    """The error to show for SQL that DuckDB refused."""
    told = _told(str(error))
    lines = [f"the query failed: {told.kind}: {_sentence(connection, told, sql)}", *_pointer(sql, told)]
    return StoreError("\n".join(lines))


def _told(text: str) -> Told:
    kind, _, rest = text.strip().partition(": ")
    try:
        fields = json.loads(rest)
        offset = fields.get("position")
        return Told(kind, fields["exception_message"].strip(), None if offset is None else int(offset))
    except (ValueError, KeyError, TypeError):
        return Told(kind, rest or text.strip(), None)


def _sentence(connection: "duckdb.DuckDBPyConnection", told: Told, sql: str) -> str:
    if found := _NO_COLUMN.search(told.message):
        # Columns of tables that the SQL does not name are no help: it cannot have them.
        near = _nearest(found[1], _columns(connection, sql), _CANDIDATES.findall(told.message.partition("Candidate")[2]))
        return f'there is no column "{found[1]}" here; {near}'
    if found := _NO_TABLE.search(told.message):
        name = found[1] or found[2]
        return f'there is no table "{name}"; {_nearest(name, _tables(connection), ())}'
    return " ".join(told.message.split())


def _nearest(name: str, known: Iterable[str], candidates: Iterable[str]) -> str:
    known = [each for each in known if len(each) >= SHORTEST_NAME]
    near = get_close_matches(name.lower(), known, 1) or list(candidates)[:1]
    return f'did you mean "{near[0]}"?' if near else "`harness query` alone lists what there is, `describe NAME` its columns"


def _tables(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    shown = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND NOT starts_with(view_name, 'stored_')"
    return [name for (name,) in connection.execute(shown).fetchall()]


def _columns(connection: "duckdb.DuckDBPyConnection", sql: str) -> list[str]:
    """Columns of the tables that the SQL names, of all tables where it names none."""
    rows = connection.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
    words = set(re.findall(r"\w+", sql.lower()))
    named = [column for table, column in rows if table in words]
    return list(dict.fromkeys(named or [column for _, column in rows]))


def _pointer(sql: str, told: Told) -> list[str]:
    """The line in question with a caret under the word; DuckDB counts bytes."""
    if told.offset is None:
        return []
    before = sql.encode()[: told.offset].decode(errors="ignore")
    start = before.rfind("\n") + 1
    line = sql[start:].split("\n", 1)[0]
    return [f"  {line}", "  " + " " * (len(before) - start) + "^"]
