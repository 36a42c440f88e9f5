"""What would settle a claim that is inconclusive: one clause for every reason that the judge gives.

More seeds help where spread is what is in the way, and nowhere else: noise that meets a bound, a measure that misses its plant,
an effect under the noise floor stay what they are at any n. So the clause says which of the two it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.claims.verdict import (
    A_CASE,
    BELOW_FLOOR,
    CONTROL_FAILED,
    INCONCLUSIVE,
    NON_FINITE,
    NULL_EXPLAINS,
    STRADDLES,
    TOO_SMALL,
    UNMATCHED,
)

Row = Mapping[str, Any]


def settles(row: Row) -> str:
    """What would settle this verdict (a row of table verdicts); "" for one that is decided."""
    if row["verdict"] != INCONCLUSIVE:
        return ""
    return seeds(row) or general(row)


def seeds(row: Row) -> str:
    """Such as "about 9 seeds would settle it", where a number of seeds would; else ""."""
    if row["verdict"] != INCONCLUSIVE or row["reason"] not in (STRADDLES, TOO_SMALL):
        return ""
    least = re.search(r"at least (\d+)$", (row["detail"] or "").rstrip("."))
    about = row["n_to_settle"]
    if about:
        return f"about {about} seeds would settle it"
    return f"{least[1]} seeds would let it be judged" if least else ""


def general(row: Row) -> str:
    """The clause that goes with the reason, the same for every claim in that position."""
    make = _CLAUSES.get(row["reason"])
    return make(row["detail"] or "", row) if make else ""


def _straddles(detail: str, row: Row) -> str:
    return "no number of seeds in reach does, so near is it to its limit; a measure that varies less between seeds would"


def _small(detail: str, row: Row) -> str:
    return "more seeds would"


def _floor(detail: str, row: Row) -> str:
    return "more seeds do not, but a larger effect would (a longer run), or a measure that moves less between twins"


def _null(detail: str, row: Row) -> str:
    if "cannot be told" in detail:
        return "where it cannot be told from its null, more seeds may, or a measure on which the two differ more"
    return "more seeds do not, but a bound that its null does not meet would, or a measure on which noise of its size differs"


def _control(detail: str, row: Row) -> str:
    if "was not measured" in detail or "was measured on" in detail:
        return "measuring the missing control, on every seed, would"
    if "is not finite" in detail:
        return "a control that is finite on every seed would (`harness query evidence CLAIM` shows which are not)"
    if "is unmatched" in detail:
        return "a control whose arms can be matched would, by more snapshots, or another quantity to match on"
    if detail.endswith("inconclusive") or "but is inconclusive" in detail:
        return "where a control is undecided, more seeds may; if they do not, the measure is too weak for what was put in"
    return "more seeds do not; the measure does not read what was put in, so measure or control has to be mended first"


def _not_finite(detail: str, row: Row) -> str:
    return "finite values on every seed would (`harness query evidence CLAIM` shows which are not)"


def _unmatched(detail: str, row: Row) -> str:
    return "arms that meet would, by more snapshots, a longer run of the arm that falls short, or another quantity to match on"


def _case(detail: str, row: Row) -> str:
    return "further checkpoints would (--claim-tuned ARM=PATH again, for every arm); it is judged from two replicates on"


_CLAUSES: dict[str, Callable[[str, Row], str]] = {
    STRADDLES: _straddles,
    TOO_SMALL: _small,
    BELOW_FLOOR: _floor,
    NULL_EXPLAINS: _null,
    CONTROL_FAILED: _control,
    NON_FINITE: _not_finite,
    UNMATCHED: _unmatched,
    A_CASE: _case,
}
