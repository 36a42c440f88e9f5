"""A table as compact JSON: one list a column, repeated texts as codes into a dictionary, floats to seven digits.

    {"n": 3, "columns": {"paper": [0, 0, 1], "estimate": [0.25, null, 1.5]}, "strings": {"paper": ["galore", "iso"]}}

Seven digits are more than a chart or a table of four digits shows; exact values stay in the store. `SC.row` and `SC.cell`
read it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 7


def encode(table: "pa.Table") -> dict[str, Any]:
    """An Arrow table in columns; times as "2026-11-22 15:36:56" in UTC, lists as they are with rounded floats.

    By Arrow's types, which is several times as fast as `from_columns` looking at every value.
    """
    import pyarrow as pa

    made: dict[str, Any] = {"n": table.num_rows, "columns": {}, "strings": {}}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_string(column.type):
            coded = pa.chunked_array(column.chunks, column.type).combine_chunks().dictionary_encode()
            made["strings"][name], made["columns"][name] = coded.dictionary.to_pylist(), coded.indices.to_pylist()
        elif pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
            made["columns"][name] = column.to_pylist()
        elif pa.types.is_floating(column.type):
            made["columns"][name] = [None if value is None else short(value) for value in column.to_pylist()]
        else:
            other = from_columns({name: column.to_pylist()})
            made["columns"] |= other["columns"]
            made["strings"] |= other["strings"]
    return made


def from_columns(columns: dict[str, Sequence[Any]]) -> dict[str, Any]:
    """The same from plain lists of one length."""
    made: dict[str, Any] = {"n": len(next(iter(columns.values()), ())), "columns": {}, "strings": {}}
    for name, values in columns.items():
        plain = [_plain(value) for value in values]
        if any(isinstance(value, str) for value in plain):
            words = {word: code for code, word in enumerate(dict.fromkeys(word for word in plain if word is not None))}
            made["strings"][name] = list(words)
            plain = [None if value is None else words[value] for value in plain]
        made["columns"][name] = plain
    return made


def short(value: float) -> float | int:
    """A float to DIGITS significant digits, a whole number without its ".0"."""
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return short(value)
    if isinstance(value, list):
        return [short(entry) if isinstance(entry, float) else _plain(entry) for entry in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value
