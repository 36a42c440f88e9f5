"""The store's table `profiles` as JSON blocks: a list of subjects, and a block of curves for each, parsed when its page opens.

    "profiles"    {"subjects": a row each, with medians over matrices at its last step (in columns, see columnar.py),
                   "left_out": how many subjects are listed without curves}
    "profile-0"   {"subject", "arm", "scale", "seed", "run_key", "run_id", "steps": [...],
                   "matrices": [[name, layer, module], ...],
                   "numbers": main numbers, a row a matrix and step (in columns),
                   "rows": the curves and maps (in columns); x, y, reference are places in "arrays",
                   "arrays": [[...], ...]}

Small, since a report carries all of it: numbers keep 5 significant digits (3 in a map of shares, whose colour shows no more),
equal arrays are stored once (the values before training do not change with the step), long curves are thinned to THIN indices
that are dense at the leading end, and past BUDGET numbers the subjects profiled longer ago are listed without their curves.
Trap: the main numbers come from whole curves, so that a thinned curve may miss the largest drift that its sentence names.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.report.html.columnar import from_columns
from harness.report.html.profile_numbers import NUMBERS, main_numbers, middle

if TYPE_CHECKING:
    import duckdb

DIGITS, MAP_DIGITS = 5, 3
THIN, HEAD = 256, 64
"""Most indices of a curve, and how many leading ones are all kept."""
BUDGET = 4_000_000
"""Numbers in all blocks together, some 25 MB."""
MEDIANS = ("norm", "drift", "angle", "block", "princ_noise", "low_noise", "changed")
SHOWN = ("kind", "step", "matrix", "module", "x", "y", "rows", "cols", "reference", "reference_name", "detail", "note")
"""`detail` says what is wrong with a row, `note` what there is to know of one that is well."""
_ORDER = """
SELECT subject, any_value(arm) AS arm, any_value(scale) AS scale, any_value(seed) AS seed, arg_max(run_key, started) AS run_key,
       arg_max(run_id, started) AS run_id
FROM latest_profile JOIN (SELECT run_id, started FROM runs) USING (run_id)
GROUP BY subject ORDER BY max(started) DESC, scale, arm, seed, subject
"""
# To significant digits in SQL: a million numbers in Python take a second.
_SHORT = """list_transform({}, lambda v: CASE WHEN v = 0 THEN 0 ELSE
            round(v, CASE kind WHEN 'bf16_map' THEN {} ELSE {} END - 1 - CAST(floor(log10(abs(v))) AS INTEGER)) END) AS {}"""
_ROWS = f"""
SELECT * REPLACE ({", ".join(_SHORT.format(name, MAP_DIGITS, DIGITS, name) for name in ("x", "y", "reference"))})
FROM latest_profile WHERE subject = $subject ORDER BY step, layer NULLS FIRST, matrix, kind, module
"""


def blocks(connection: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """The blocks by name; a store without profiles has "profiles" alone, with no subjects."""
    found: dict[str, Any] = {}
    listed, spent = [], 0
    for subject in _asked(connection, _ORDER):
        rows = _asked(connection, _ROWS, subject=subject["subject"])
        made = _block(subject, rows)
        size = sum(map(len, made["arrays"]))
        about = {**subject, "curves": None, **_about(made)}
        if not found or spent + size <= BUDGET:
            spent += size
            about["curves"] = f"profile-{len(found)}"
            found[about["curves"]] = made
        listed.append(about)
    columns = {name: [about[name] for about in listed] for name in listed[0]} if listed else {}
    left_out = sum(about["curves"] is None for about in listed)
    return {"profiles": {"subjects": from_columns(columns), "left_out": left_out}, **found}


def _asked(connection: "duckdb.DuckDBPyConnection", sql: str, **params: str) -> list[dict[str, Any]]:
    found = connection.execute(sql, params or None)  # fetchall: pyarrow's to_pylist takes three times as long on lists
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _about(made: Mapping[str, Any]) -> dict[str, Any]:
    """What the list says of a subject: how much there is, and medians over its matrices at the last step."""
    last = made["steps"][-1]
    numbers = made["numbers"]["columns"]
    here = [i for i, step in enumerate(numbers.get("step", ())) if step == last]
    medians = {name: middle([numbers[name][i] for i in here]) for name in MEDIANS}
    return {"checkpoints": len(made["steps"]), "last_step": last, "matrices": len(made["matrices"]), **medians}


def _block(subject: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    arrays = _Arrays()
    columns: dict[str, list[Any]] = {name: [] for name in SHOWN}
    for row in rows:
        kept = _kept(len(row["y"] or ())) if row["cols"] is None else None
        shown = dict(row) | {name: arrays.place(row[name], kept) for name in ("x", "y", "reference")}
        is_well = row["status"] == "ok"
        shown |= {"detail": None if is_well else row["detail"] or row["status"], "note": row["detail"] if is_well else None}
        for name in SHOWN:
            columns[name].append(shown[name])
    matrices = list(dict.fromkeys((row["matrix"], row["layer"], row["module"]) for row in rows if row["matrix"]))
    steps = sorted({row["step"] for row in rows})
    made = {"steps": steps, "matrices": matrices, "numbers": from_columns(_numbers(rows)), "rows": from_columns(columns)}
    return {**subject, **made, "arrays": arrays.arrays}


def _numbers(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Main numbers in columns, a row a step and matrix."""
    grouped: dict[tuple[int, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    norms: dict[tuple[int, str, float], float | None] = {}
    for row in rows:
        if row["matrix"]:
            grouped[row["step"], row["matrix"]][row["kind"]] = row
        elif row["kind"] == "layer_update_norm" and row["y"]:
            norms |= {(row["step"], row["module"], x): y for x, y in zip(row["x"], row["y"], strict=True)}
    columns: dict[str, list[Any]] = {name: [] for name in ("step", "matrix", *NUMBERS)}
    for (step, matrix), kinds in grouped.items():
        one = next(iter(kinds.values()))
        found = main_numbers(kinds) | {"norm": norms.get((step, one["module"], one["layer"]))}
        for name, value in {"step": step, "matrix": matrix, **found}.items():
            columns[name].append(value)
    return columns


def _kept(length: int) -> list[int] | None:
    """Places of a long curve that are shown: all of the head, then evenly on the log; None where all are."""
    if length <= THIN:
        return None
    ratio = (length / HEAD) ** (1 / (THIN - HEAD))
    return sorted({*range(HEAD), *(min(length - 1, round(HEAD * ratio**i)) for i in range(THIN - HEAD)), length - 1})


class _Arrays:
    """Arrays by place, equal ones once."""

    def __init__(self):
        self.arrays: list[list[float | int | None]] = []
        self._places: dict[tuple, int] = {}

    def place(self, values: Sequence[float | None] | None, kept: Sequence[int] | None) -> int | None:
        """None for an array that is missing or empty."""
        if not values:
            return None
        shown = [values[i] for i in kept] if kept is not None and len(values) > 1 else values
        key = tuple(shown)
        if key not in self._places:
            self._places[key] = len(self.arrays)
            # 1, not 1.0: a map of a small matrix is all zeros and ones
            self.arrays.append([int(value) if value is not None and value.is_integer() else value for value in shown])
        return self._places[key]
