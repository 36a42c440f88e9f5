"""Checking rows before they are written.

`pa.Table.from_pylist` drops a misspelt key without a word and takes NULL where the schema forbids it, and DuckDB finds
NaN > 0.5 true. So rows are checked here: unknown keys and missing required ones raise, missing nullable ones become
None, and non-finite numbers become None where the row says so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any

from harness.errors import StoreError
from harness.store.schema import columns

OK, NONFINITE = "ok", "nonfinite"


def check_row(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A complete row with the table's columns in order, every number finite or None.

    Args:
        table: runs, claims, measurements or verdicts.
        row: column to value; nullable columns may be left out.

    Returns:
        column to plain Python value. Times are datetimes in UTC.

    Raises:
        StoreError: an unknown key, a required key without value, or a non-finite number in a row that does
            not own up to it. A measurement does with status "nonfinite"; a verdict's bounds may be infinite.
    """
    known = columns(table)
    check_keys(table, row)
    for key, column in known.items():
        if not column.nullable and row.get(key) is None:
            raise StoreError(f"a row of table {table} lacks {key!r}, which must have a value")
    return {key: _value(table, key, known[key].type, row) for key in known}


def check_keys(table: str, row: Mapping[str, Any]) -> None:
    """Raise StoreError for a key that is no column of the table."""
    known = columns(table)
    for key in row:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(known)}"
            raise StoreError(f"table {table} has no column {key!r}; {hint}")


def _value(table: str, key: str, kind: str, row: Mapping[str, Any]) -> Any:
    value = row.get(key)
    if value is None:
        return None
    if kind == "time":
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    if kind == "strings":
        return [str(v) for v in value]
    if kind == "floats":
        return [_finite(table, key, v, row) for v in value]
    return _finite(table, key, value, row) if kind == "float" else value


def _finite(table: str, key: str, value: Any, row: Mapping[str, Any]) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise StoreError(f"column {key!r} of table {table} takes a number, not {value!r}") from None
    if isfinite(number):
        return number
    if table == "verdicts" or row.get("status") == NONFINITE:
        return None
    raise StoreError(
        f"{key!r} of {row.get('claim_id', table)} is {number}; a non-finite value is stored as NULL "
        f"and its row must have status {NONFINITE!r}"
    )
