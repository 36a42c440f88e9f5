"""The reach table: a line a tuner as it is measured, as many columns as the terminal has room for; CSV and JSON of all numbers.

Every share has in brackets what isotropic noise of the same shapes would read.
"""

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.report import tabular

if TYPE_CHECKING:
    from harness.engine.reach import Measured
    from harness.engine.reach_rows import Row
    from rich.console import Console

GAP = 2
MEANS = (
    "rel nss resid left_gram right_gram p_left p_right m_left m_right core diagonal beyond stable chance_resid chance_left"
    " chance_right chance_core"
).split()


class Column(NamedTuple):
    """A column: its head, its width, its place in the queue for room, and its cell of a row that was measured."""

    head: str
    width: int
    queue: int
    cell: "Callable[[Row], str]"


def _of(read: "Callable[[Measured], str]") -> "Callable[[Row], str]":
    return lambda row: read(row.measured)


def _mean(field: str) -> "Callable[[Row], str]":
    return _of(lambda found: short(found.mean(field)))


def _share(field: str, chance: str) -> "Callable[[Row], str]":
    return _of(lambda found: f"{short(found.mean(field))} ({short(found.mean(chance))})")


def _sides(of: str) -> "Callable[[Row], str]":
    """Left and right, and the chance of both."""

    def cell(found: "Measured") -> str:
        left, right = (short(found.mean(f"{of}_{side}")) for side in ("left", "right"))
        return f"{left} {right} ({short(found.mean('chance_left'))} {short(found.mean('chance_right'))})"

    return _of(cell)


COLUMNS = (
    Column("tuner", 18, 0, lambda row: row.tuner),
    Column("class", 12, 1, lambda row: row.reach + ("" if row.exact else " ~")),
    Column("read as", 20, 5, lambda row: row.checks[0].says),
    Column("measured", 8, 2, lambda row: short(row.checks[0].value)),
    Column("limit", 7, 4, lambda row: row.checks[0].limit.replace("e-0", "e-")),
    Column("so", 3, 3, lambda row: "yes" if row.holds else "NO"),
    Column("params", 7, 12, _of(lambda found: f"{found.parameters:,}")),
    Column("start", 7, 13, _of(lambda found: short(found.start))),
    Column("rel", 7, 6, _mean("rel")),
    Column("resid", 14, 7, _share("resid", "chance_resid")),
    Column("dLeft", 7, 10, _mean("left_gram")),
    Column("dRight", 7, 10, _mean("right_gram")),
    Column("pL pR", 25, 8, _sides("p")),
    Column("mL mR", 25, 9, _sides("m")),
    Column("core", 15, 11, _share("core", "chance_core")),
    Column("rank", 4, 8, _of(lambda found: str(max(each.rank for each in found.each())))),
    Column("stable", 6, 14, _mean("stable")),
    Column("merge", 7, 15, _of(lambda found: "" if found.merge is None else short(found.merge))),
    Column("s", 5, 16, _of(lambda found: f"{found.seconds:.1f}")),
)


def short(value: float) -> str:
    """Two significant digits in at most seven characters."""
    return f"{value:.2g}"


def fitting(width: int) -> list[Column]:
    """The columns that a line has room for, in the order of the table; the first in the queue always."""
    chosen: list[Column] = []
    for column in sorted(COLUMNS, key=lambda each: each.queue):
        if not chosen or sum(each.width + GAP for each in [*chosen, column]) - GAP <= width:
            chosen.append(column)
    return [each for each in COLUMNS if each in chosen]


class Printer:
    """Prints the head of the table, then row by row.

    Args:
        console: rich's, of the width that the table may have.
    """

    def __init__(self, console: "Console") -> None:
        self._console, self._columns = console, fitting(console.width)
        self._print([each.head for each in self._columns], "bold")

    def add(self, row: "Row") -> None:
        """A row that was measured, or a sentence on why it was not."""
        if row.measured is not None:
            self._print([each.cell(row) for each in self._columns], None if row.holds else "red")
            return
        from rich.text import Text

        name, kind = (f"{text:<{column.width + GAP}}" for text, column in zip((row.tuner, row.reach), COLUMNS, strict=False))
        said = f"{name}{kind}{'failed' if row.failed else 'not measured'}: {row.why}"
        lines = textwrap.wrap(said, self._console.width, subsequent_indent=" " * GAP, drop_whitespace=True)
        self._console.print(Text("\n".join(lines), style="red" if row.failed else "dim"))

    def _print(self, cells: Sequence[str], style: str | None) -> None:
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0), style=style or "")
        for column in self._columns[: len(cells)]:
            table.add_column(width=column.width, no_wrap=True)
        table.add_row(*cells)
        self._console.print(table)


def summary(rows: Sequence["Row"], seed: int, steps: int) -> str:
    """Whether every registered class was borne out, and which was not."""
    asked = [row for row in rows if row.holds is not None]
    wrong = [row for row in asked if not row.holds]
    rest = f"; {len(rows) - len(asked)} not measured" if len(rows) > len(asked) else ""
    said = f"{len(asked) - len(wrong)} of {len(asked)} tuners are as registered (seed {seed}, {steps} steps){rest}."
    return "\n".join([said, *(f"  {row.tuner} is not: {_against(row)}" for row in wrong)])


def _against(row: "Row") -> str:
    if row.failed:
        return row.why
    return ", ".join(f"{each.says} is {short(each.value)}, not {each.limit}" for each in row.checks if not each.holds)


def render(rows: Sequence["Row"], format: str) -> str:
    """All numbers of all rows.

    Args:
        rows: measured or not.
        format: "json" or "csv".
    """
    records = [_record(row) for row in rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    return tabular.render(names, [[record.get(name) for name in names] for record in records], format)


def _record(row: "Row") -> dict[str, Any]:
    about = {"tuner": row.tuner, "reach": row.reach, "exact": row.exact, "as_registered": row.holds, "why": row.why or None}
    if row.measured is None:
        return about
    found, first = row.measured, row.checks[0]
    return {
        **about,
        "read_as": first.says,
        "value": first.value,
        "limit": first.limit,
        "parameters": found.parameters,
        "start": found.start,
        "loss_before": found.loss[0],
        "loss_after": found.loss[1],
        "merge": found.merge,
        "moved": len(found.matrices),
        **{name: found.mean(name) for name in MEANS},
        "max_rank": max(each.rank for each in found.each()),
        "seconds": found.seconds,
    }
