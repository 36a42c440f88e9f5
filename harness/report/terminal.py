"""The verdict table: what every claim came to, for a terminal, a CI log or Markdown.

Grouped by paper; refuted before inconclusive before supported, since that is the order in which they need a reader. Where
the terminal is too narrow, columns go in the order of DROPPED (their reasons are told below the table in any case), and then a
claim takes two lines, which have all of them. No line is wider than the terminal. Intervals are those that were judged, at the
level that Holm left to each claim, so that table and verdict never disagree. A missing number is a dash, never 0.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from harness.report import look, settle
from harness.report.cells import columns, fitted, folded, padded, width_of
from harness.report.tabular import markdown as markdown_table

ORDER = ("refuted", "inconclusive", "supported")
HEADS = ("scale", "n", "estimate", "interval", "bound", "null", "verdict", "was", "why")
RIGHT = ("n", "estimate")
DROPPED = ("why", "n", "null")
COLORS = {"supported": "\x1b[32m", "refuted": "\x1b[31m", "inconclusive": "\x1b[33m"}
RESET = "\x1b[0m"
LOG_WIDTH = 200
"""Columns of a log that nobody folds."""

Row = Mapping[str, Any]
Previous = Mapping[tuple[str, str], Row]
Say = Callable[[str], str]


def verdict_table(
    verdict_rows: Sequence[Row],
    previous: Previous,
    *,
    width: int = 100,
    color: bool = False,
    ascii: bool = False,
    markdown: bool = False,
) -> str:
    """The table with a headline above; below it why claims are inconclusive, and what would settle them.

    Args:
        verdict_rows: rows of table verdicts, in any order.
        previous: (claim_id, scale) to the row that the claim had before; see harness.store.compare.
        width: columns of the terminal.
        color: paint the verdicts with ANSI codes.
        ascii: only ASCII characters.
        markdown: GitHub Markdown instead; width, color and ascii are then without effect.
    """
    rows = sorted(verdict_rows, key=lambda row: (row["paper"], ORDER.index(row["verdict"]), row["claim_id"], row["scale"]))
    papers = [(paper, list(group)) for paper, group in groupby(rows, key=lambda row: row["paper"])]
    if markdown:
        return _markdown(papers, previous, headline(rows))
    say: Say = look.plain if ascii else str
    parts = _headline(headline(rows), width)
    parts += _table(papers, previous, width, say)
    parts += [say(text) for row in rows if (text := why_line(row, width, say))]
    parts += [line for text in _settling(rows) for line in folded(say(text), width, " ", "   ")]
    parts += [line for text in _legend(rows, previous) for line in folded(text, width, " ", "   ")]
    text = "\n".join(parts)
    return _painted(text) if color else text


def headline(rows: Sequence[Row]) -> str:
    """Such as "claims: 9 supported, 1 refuted, 2 inconclusive"."""
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in reversed(ORDER)}
    named = [f"{counts[verdict]} {verdict}" for verdict in ("supported", "refuted", "inconclusive") if counts[verdict]]
    return "claims: " + (", ".join(named) or "none judged")


def why_line(row: Row, width: int = 100, say: Say = str) -> str:
    """Why a claim is inconclusive, with the seeds that would settle it; "" for a claim that is decided as expected."""
    if row["verdict"] != "inconclusive" and row["as_expected"] is not False:
        return ""
    detail = (row["detail"] or row["reason"] or "").rstrip(".")
    if row["verdict"] != "inconclusive":
        detail += f"; registered as {row['expected']}"
    enough = settle.seeds(row)
    text = f"why {_short(row)} [{row['scale']}]: {detail}" + (f"; {enough}" if enough else "")
    return "\n".join(folded(say(text), width, " ", "   "))


def remark_lines(claim_rows: Sequence[Row], width: int = 100, say: Say = str) -> list[str]:
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
    return ["\n".join(folded(say(text), width, " ", "   ")) for text in texts]


def _headline(text: str, width: int) -> list[str]:
    return [f" {text} ".center(width, "=")] if len(text) + 4 <= width else folded(text, width)


def _table(papers: Sequence[tuple[str, list[Row]]], previous: Previous, width: int, say: Say) -> list[str]:
    """The widest layout that fits: all columns, then without those of DROPPED, then two lines a claim."""
    full = 0
    for many in range(len(DROPPED) + 1):
        shown = [head for head in HEADS if head not in DROPPED[:many]]
        lines = columns(
            [line for paper, rows in papers for line in _wide(paper, rows, previous, shown, say)],
            [False, *(head in RIGHT for head in shown)],
        )
        needed = max(map(width_of, lines), default=0)
        full = full or needed
        if needed <= width:
            return lines + _left_out(DROPPED[:many], full, width)
    return [line for paper, rows in papers for line in _narrow(paper, rows, previous, width, say)]


def _wide(paper: str, rows: Sequence[Row], previous: Previous, shown: Sequence[str], say: Say) -> list[list[str]]:
    cells = [_cells(row, previous) for row in rows]
    names = [say(f"  {_short(row)}") for row in rows]
    return [[paper, *shown], *([name, *(say(cell[head]) for head in shown)] for name, cell in zip(names, cells, strict=True))]


def _left_out(names: Sequence[str], full: int, width: int) -> list[str]:
    told = f"left out at {width} columns: {', '.join(names)}; {full} columns show all"
    return folded(told, width, " ", "   ") if names else []


def _narrow(paper: str, rows: Sequence[Row], previous: Previous, width: int, say: Say) -> list[str]:
    lines = [paper]
    names = columns([(_short(row), row["scale"]) for row in rows])
    longest = max(map(width_of, names))
    for name, row in zip(names, rows, strict=True):
        cell = {head: say(text) for head, text in _cells(row, previous).items()}
        first = f"  {padded(name, longest)}  {cell['verdict']:12}  was {cell['was']}"
        second = f"      {cell['estimate']} {cell['interval']}  bound {cell['bound']}  null {cell['null']}  n {cell['n']}"
        why = f"  {cell['why']}" if cell["why"] else ""
        beside = width_of(first + why) <= width
        lines += fitted(first + why if beside else first, width, "  ", "    ")
        lines += fitted(second, width, "      ", "      ")
        lines += [] if beside else folded(cell["why"], width, "      ", "      ")
    return lines


def _cells(row: Row, previous: Previous) -> dict[str, str]:
    why = [row["reason"] or ""]
    if row["as_expected"] is False:
        why.append(f"expected {row['expected']}")
    return {
        "scale": row["scale"],
        "n": "–" if row["n"] is None else str(row["n"]),
        "estimate": _number(row["estimate"]),
        "interval": _interval(row["ci_low"], row["ci_high"]),
        "bound": row["bound"] or "–",
        "null": _number(row["null_estimate"]),
        "verdict": row["verdict"].upper(),
        "was": _was(row, previous.get((row["claim_id"], row["scale"]))),
        "why": "; ".join(filter(None, why)),
    }


def _was(row: Row, before: Row | None) -> str:
    """ "=" where nothing changed, "new", or the previous verdict; "!" marks a flip, "*" a spec that changed since."""
    if before is None:
        return "new"
    same = before["verdict"] == row["verdict"]
    changed = " *" if before["spec_sha"] != row["spec_sha"] else ""
    return ("=" if same else f"{before['verdict']} !") + changed


def _settling(rows: Sequence[Row]) -> list[str]:
    """What would settle the claims that no number of seeds is named for, each clause once, by reason."""
    clauses = {(row["reason"], settle.settles(row)): None for row in rows if not settle.seeds(row)}
    return [f'what settles "{reason}": {clause}' for reason, clause in clauses if clause]


def _legend(rows: Sequence[Row], previous: Previous) -> list[str]:
    """What the marks in the column "was" mean, where there are any."""
    shown = " ".join(_was(row, previous.get((row["claim_id"], row["scale"]))) for row in rows)
    meanings = {"!": "the verdict flipped", "*": "the spec changed since"}
    marks = [f"{mark} {meaning}" for mark, meaning in meanings.items() if mark in shown]
    return [f"was: {', '.join(marks)}"] if marks else []


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
        cells = [(_short(row), *_cells(row, previous).values()) for row in rows]
        parts.append(markdown_table((paper, *HEADS), cells))
        whys = [why_line(row, 10_000).strip() + _clause(row) for row in rows if why_line(row)]
        parts += ["\n".join(f"- {text}" for text in whys)] if whys else []
    return "\n\n".join(parts)


def _clause(row: Row) -> str:
    """Where a reader sees one claim alone, what settles it stands beside it."""
    clause = "" if settle.seeds(row) else settle.settles(row)
    return f"; what settles it: {clause}" if clause else ""
