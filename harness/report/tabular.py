"""Rows of a query as a table, CSV, JSON or Markdown; in a file also as Parquet.

In a terminal the table is drawn by rich; elsewhere it is plain aligned text of full width, since rich cuts cells to 80
columns where it cannot see a terminal. A missing value is empty (null in JSON), never 0.
"""

import csv
import io
import json
import os
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "md")
MIN_WIDTH = 9  # columns of a terminal that a column of a table needs to be readable


def render(names: Sequence[str], rows: Sequence[Sequence[Any]], format: str = "table") -> str:
    """Format a result as text, without colour.

    Args:
        names: column names, in order.
        rows: values in the same order.
        format: one of FORMATS.
    """
    if format == "json":
        objects = [dict(zip(names, map(_json, row), strict=True)) for row in rows]
        return json.dumps(objects, default=str, indent=2, allow_nan=False)
    if format == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_csv(value) for value in row] for row in rows)
        return out.getvalue().rstrip("\n")
    cells = [[cell(value) for value in row] for row in rows]
    if format == "md":
        return markdown(names, cells)
    return aligned([list(names), *cells], right=_numeric(rows, len(names))) if names else ""


def rows_of(table: "pa.Table | None") -> tuple[list[str], list[tuple]]:
    """Column names made distinct, and rows of Python values; empty for a statement without a result."""
    if table is None:
        return [], []
    return unique(table.column_names), list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def to_arrow(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "pa.Table":
    """The same the other way round."""
    import pyarrow as pa

    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def write(table: "pa.Table | None", path: Path, format: str) -> None:
    """Write a result into a file, whole or not at all.

    Args:
        table: None writes an empty file, in Parquet one without columns.
        path: the file; its folder must exist.
        format: one of FORMATS, or parquet.

    Raises:
        StoreError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    temporary = path.with_name(path.name + ".tmp")
    names, rows = rows_of(table)
    try:
        if format == "parquet":
            pq.write_table(pa.table({}) if table is None else table.rename_columns(names), temporary, compression="zstd")
        else:
            temporary.write_text(render(names, rows, format) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}; name another file with --out") from error


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Draw the table in the terminal with rich; a result too wide for it comes as one block a row."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    if rows and len(names) * MIN_WIDTH > console.width:
        console.print(records(names, rows))
        return
    table = Table(box=SIMPLE_HEAD)
    for name, right in zip(names, _numeric(rows, len(names)), strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, map(cell, row)))
    console.print(table)


def records(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """One block a row, one line a value; missing values are left out."""
    blocks = ([(name, cell(value)) for name, value in zip(names, row, strict=True) if value is not None] for row in rows)
    return "\n\n".join(aligned(block) for block in blocks if block)


def unique(names: Sequence[str]) -> list[str]:
    """Column names made distinct ("n", "n_2"): a JSON object would keep only the last of two."""
    made: list[str] = []
    for name in names:
        number = 1 + sum(name == other for other in names[: len(made)])
        made.append(name if number == 1 else f"{name}_{number}")
    return made


def cell(value: Any) -> str:
    """A value for reading: six significant digits, "" for a missing one."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(cell, value)) + "]"
    return str(value).replace("\n", " ")


def markdown(names: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A GitHub table."""
    rows = [list(names), ["---"] * len(names), *cells]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool] = (), gap: int = 2) -> str:
    """Columns padded to their widest cell; trailing blanks cut."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [*right, *[False] * (len(widths) - len(right))]
    lines = (
        (" " * gap).join(text.rjust(w) if side else text.ljust(w) for text, w, side in zip(row, widths, sides, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _csv(value: Any) -> Any:
    """Lists and structs as JSON: Python's own notation is read by nobody else."""
    if value is None:
        return ""
    return json.dumps(_json(value), default=str) if isinstance(value, (list, dict)) else value


def _json(value: Any) -> Any:
    """JSON has no NaN: what a query computed as non-finite is null, as it is in the store."""
    if isinstance(value, list):
        return [_json(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _json(entry) for key, entry in value.items()}
    if isinstance(value, Decimal):
        return float(value)  # DuckDB's 1.5 is one
    return None if isinstance(value, float) and not isfinite(value) else value


def _numeric(rows: Sequence[Sequence[Any]], width: int) -> list[bool]:
    """Which columns hold numbers only."""
    kinds = [[row[i] for row in rows if row[i] is not None] for i in range(width)]
    return [bool(kind) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in kind) for kind in kinds]
