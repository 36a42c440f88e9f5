"""The verdict table: what every claim came to, for a terminal, a CI log or Markdown.

Grouped by paper; refuted before inconclusive before supported, since that is the order in which they need a reader. No
column is ever dropped: where the terminal is too narrow, a claim takes two lines. Intervals are those that were judged, at the
level that Holm left to each claim, so that table and verdict never disagree. A missing number is a dash, never 0.
"""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from harness.report.tabular import aligned
from harness.report.tabular import markdown as markdown_table

ORDER = ("refuted", "inconclusive", "supported")
HEADS = ("n", "estimate", "interval", "bound", "null", "verdict", "was", "why")
RIGHT = (False, False, True, True)  # paper, scale, n, estimate; the rest is flush left
PLAIN = str.maketrans({"–": "-", "—": "-", "±": "+-", "×": "x", "≤": "<=", "≥": ">=", "≈": "~", "…": "..."})
COLORS = {"supported": "\x1b[32m", "refuted": "\x1b[31m", "inconclusive": "\x1b[33m"}
RESET = "\x1b[0m"

Row = Mapping[str, Any]
Previous = Mapping[tuple[str, str], Row]


def verdict_table(
    verdict_rows: Sequence[Row],
    previous: Previous,
    *,
    width: int = 100,
    color: bool = False,
    ascii: bool = False,
    markdown: bool = False,
) -> str:
    """The table with a headline above and a line per inconclusive claim below.

    Args:
        verdict_rows: rows of table verdicts, in any order.
        previous: (claim_id, scale) to the row that the claim had before; see harness.store.compare.
        width: columns of the terminal; below what the table needs, each claim takes two lines.
        color: paint the verdicts with ANSI codes.
        ascii: only ASCII characters.
        markdown: GitHub Markdown instead; width, color and ascii are then without effect.
    """
    rows = sorted(verdict_rows, key=lambda row: (row["paper"], ORDER.index(row["verdict"]), row["claim_id"], row["scale"]))
    papers = [(paper, list(group)) for paper, group in groupby(rows, key=lambda row: row["paper"])]
    if markdown:
        return _markdown(papers, previous, headline(rows))
    parts = [f" {headline(rows)} ".center(width, "=")]
    table = aligned([line for paper, group in papers for line in _wide(paper, group, previous)], RIGHT) if rows else ""
    if max(map(len, table.splitlines()), default=0) <= width:
        parts += [table] if table else []
    else:
        parts += [_narrow(paper, group, previous) for paper, group in papers]
    parts += [text for row in rows if (text := why_line(row, width))]
    parts += _legend(rows, previous)
    text = "\n".join(parts)
    if ascii:
        text = text.translate(PLAIN).encode("ascii", "replace").decode()
    return _painted(text) if color else text


def headline(rows: Sequence[Row]) -> str:
    """Such as "claims: 9 supported, 1 refuted, 2 inconclusive"."""
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in reversed(ORDER)}
    named = [f"{counts[verdict]} {verdict}" for verdict in ("supported", "refuted", "inconclusive") if counts[verdict]]
    return "claims: " + (", ".join(named) or "none judged")


def why_line(row: Row, width: int = 100) -> str:
    """Why a claim is inconclusive and what would settle it; "" for a claim that is decided as expected."""
    if row["verdict"] != "inconclusive" and row["as_expected"] is not False:
        return ""
    detail = (row["detail"] or row["reason"] or "").rstrip(".")
    if row["verdict"] == "inconclusive" and row["n_to_settle"]:
        detail += f"; about {row['n_to_settle']} seeds would settle it"
    text = f"why {_short(row)} [{row['scale']}]: {detail}"
    return "\n".join(textwrap.wrap(text, width, initial_indent=" ", subsequent_indent="   ", break_on_hyphens=False))


def remark_lines(claim_rows: Sequence[Row], width: int = 100) -> list[str]:
    """What rows of table claims say beside their verdicts: each note once, then the skipped claims by what they lack."""
    notes: dict[tuple[str, str], None] = {}
    skipped: dict[tuple[str, str], list[str]] = {}
    for row in claim_rows:
        if row["status"] == "measured":
            notes.update({(row["scale"], note): None for note in (row["status_reason"] or "").splitlines()})
        elif row["status"] == "skipped":
            skipped.setdefault((row["scale"], row["status_reason"]), []).append(row["claim_id"])
    texts = [f"note [{scale}]: {note}" for scale, note in notes]
    texts += [f"skipped [{scale}], {reason}: {', '.join(ids)}" for (scale, reason), ids in skipped.items()]
    return [
        "\n".join(textwrap.wrap(text, width, initial_indent=" ", subsequent_indent="   ", break_on_hyphens=False)) for text in texts
    ]


def _wide(paper: str, rows: Sequence[Row], previous: Previous) -> list[tuple[str, ...]]:
    return [(paper, "scale", *HEADS), *((f"  {_short(row)}", row["scale"], *_cells(row, previous)) for row in rows)]


def _narrow(paper: str, rows: Sequence[Row], previous: Previous) -> str:
    lines = [paper]
    names = aligned([(_short(row), row["scale"]) for row in rows]).splitlines()
    longest = max(map(len, names))
    for name, row in zip(names, rows, strict=True):
        n, estimate, interval, bound, null, verdict, was, why = _cells(row, previous)
        lines.append(f"  {name.ljust(longest)}  {verdict:12}  was {was}" + (f"  {why}" if why else ""))
        lines.append(f"      {estimate} {interval}  bound {bound}  null {null}  n {n}")
    return "\n".join(lines)


def _cells(row: Row, previous: Previous) -> tuple[str, ...]:
    why = [row["reason"] or ""]
    if row["as_expected"] is False:
        why.append(f"expected {row['expected']}")
    return (
        "–" if row["n"] is None else str(row["n"]),
        _number(row["estimate"]),
        _interval(row["ci_low"], row["ci_high"]),
        row["bound"] or "–",
        _number(row["null_estimate"]),
        row["verdict"].upper(),
        _was(row, previous.get((row["claim_id"], row["scale"]))),
        "; ".join(filter(None, why)),
    )


def _was(row: Row, before: Row | None) -> str:
    """ "=" where nothing changed, "new", or the previous verdict; "!" marks a flip, "*" a spec that changed since."""
    if before is None:
        return "new"
    same = before["verdict"] == row["verdict"]
    changed = " *" if before["spec_sha"] != row["spec_sha"] else ""
    return ("=" if same else f"{before['verdict']} !") + changed


def _legend(rows: Sequence[Row], previous: Previous) -> list[str]:
    """What the marks in the column "was" mean, where there are any."""
    shown = " ".join(_was(row, previous.get((row["claim_id"], row["scale"]))) for row in rows)
    meanings = {"!": "the verdict flipped", "*": "the spec changed since"}
    marks = [f"{mark} {meaning}" for mark, meaning in meanings.items() if mark in shown]
    return [f" was: {', '.join(marks)}"] if marks else []


def _short(row: Row) -> str:
    return row["claim_id"].removeprefix(f"{row['paper']}/")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None and high is None else f"[{_number(low)}, {_number(high)}]"


def _painted(text: str) -> str:
    for verdict, code in COLORS.items():
        text = text.replace(verdict.upper(), f"{code}{verdict.upper()}{RESET}")
    return text


def _markdown(papers: Sequence[tuple[str, list[Row]]], previous: Previous, head: str) -> str:
    parts = [f"**{head}**"]
    for paper, rows in papers:
        cells = [(_short(row), row["scale"], *_cells(row, previous)) for row in rows]
        parts.append(markdown_table((paper, "scale", *HEADS), cells))
        whys = [text for row in rows if (text := why_line(row, 10_000))]
        parts += ["\n".join(f"- {text.strip()}" for text in whys)] if whys else []
    return "\n\n".join(parts)
