"""What a diff says on one screen: how large, how dense, where, and whether noise or rounding would have looked the same.

Every sentence follows from rows of the table `matrices`; what was not compared, and what was only sampled, comes from the diff itself.
"""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.diff_map import heat_map, is_shaded
from harness.report.diff_rows import Row, by_name, few
from harness.report.diff_sample import sample_lines
from harness.report.diff_sentences import routes, sentences
from harness.report.diff_verdict import verdict as verdict

if TYPE_CHECKING:
    from harness.engine.diff import Diffed

WIDTH = 100
UNMATCHED = (("base_only", "in the base only"), ("tuned_only", "in the tuned only"), ("other_shape", "of two shapes"))


def summary(rows: Sequence[Row], about: "Diffed | None" = None, *, width: int = WIDTH) -> str:
    """The screen, plain ASCII.

    Args:
        rows: of one checkpoint against its base.
        about: the diff that they are from: adds what is not compared, what is only sampled, notes and troubles.
        width: columns.
    """
    return screen([*head(rows, about), *body(rows, about, width)], width)


def head(rows: Sequence[Row], about: "Diffed | None") -> list[str]:
    """Which sides, how stored, how many matrices, what is not compared."""
    first, count = rows[0], len(by_name(rows))
    kinds = sorted({(str(row["base_dtype"]), str(row["tuned_dtype"])) for row in rows})
    dtypes = ", ".join(f"{base} against {tuned}" for base, tuned in kinds)
    lines = [f"{short(first['base'])} -> {short(first['tuned'])}: {dtypes}, {count} {'matrix' if count == 1 else 'matrices'}"]
    return [*lines, *_not_compared(about)] if about else lines


def body(rows: Sequence[Row], about: "Diffed | None", width: int) -> Iterator[str]:
    """Sentences, map, verdict and notes."""
    matrices = by_name(rows)
    yield ""
    yield from (f"  {label:<12}{text}" for label, text in sentences(matrices))
    for part in (heat_map(matrices, width), list(sample_lines(matrices, about)) if about else []):
        yield from ["", *part] if part else []
    yield from ["", f"  {verdict(rows)}", ""]
    found = routes(matrices)
    notes = [*([found] if found else []), *(f"note: {note}" for note in (about.notes if about else ()))]
    yield from (f"  {note}" for note in notes)


def screen(lines: Sequence[str], width: int) -> str:
    """Lines that fit, and no blank ones at the end."""
    return "\n".join(wrapped for line in lines for wrapped in _wrapped(line, width)).rstrip()


def short(path: object) -> str:
    """The last part of a path; of a file, with its folder."""
    parts = Path(str(path)).parts or (str(path),)
    return "/".join(parts[-2:]) if Path(str(path)).suffix else parts[-1]


def _not_compared(about: "Diffed") -> Iterator[str]:
    for name, label in UNMATCHED:
        names = getattr(about.unmatched, name)
        if names:
            yield f"  not compared, {label}: {len(names)} ({few(names)})"
    if about.unmatched.tied:
        yield f"  compared once, tied: {len(about.unmatched.tied)} ({few(about.unmatched.tied)})"
    if packed := about.left_out.get("packed"):
        yield f"  packed, not compared: {packed}"
    others = [f"{count} {kind}" for kind, count in about.left_out.items() if kind != "packed"]
    if others:
        yield f"  left out, no matrices: {', '.join(others)}"


def _wrapped(line: str, width: int) -> list[str]:
    """Broken at spaces under its text's column; a line of the map is cut instead."""
    if len(line) <= width or is_shaded(line):
        return [line[:width].rstrip()]
    indent = 14 if line.startswith("  ") and line[2:14].rstrip() and line[13] == " " else 4
    return textwrap.wrap(line, width, subsequent_indent=" " * indent) or [""]
