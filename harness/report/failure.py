"""A failed claim as text that needs no artifact: what a CI log must hold for somebody who has nothing but the log.

    what it says and came to; estimate, interval, bound, n; null, plant, noise floor; every seed's value of every role;
    the keys of the runs that they rest on; the command that measures the same seeds again

Rows are those of the tables claims, verdicts and measurements, so the text of a stored failure can be had again.
A missing value shows its status (nonfinite, unmatched), never a number.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report import settle
from harness.report.cells import columns

Row = Mapping[str, Any]
MOST_SEEDS = 50
ROLES = ("claim", "null", "plant", "floor")


def failure_text(claim: Row, verdict: Row, values: Sequence[Row], *, arms: Sequence[str] = (), command: str = "") -> str:
    """Several lines with everything that the verdict rests on.

    Args:
        claim: row of table claims.
        verdict: row of table verdicts, or a Verdict's fields as a dict.
        values: rows of table measurements of this claim and scale.
        arms: names of the trained arms, in the order of the rows' run_keys.
        command: how to measure it again.
    """
    reason = f" ({verdict['reason']})" if verdict["reason"] else ""
    head = f"{claim['claim_id']} [{claim['scale']}] {verdict['verdict']}{reason}"
    lines = [f"{head}, registered as {claim['expected'] or 'open'}"]
    told = [
        ("says", " ".join((claim["says"] or "").split())),
        ("estimate", _estimate(claim, verdict)),
        ("why", _why(verdict)),
        ("null", _control(verdict, "null")),
        ("plant", _control(verdict, "plant")),
        ("noise floor", _number(verdict["noise_floor"]) if verdict["noise_floor"] is not None else ""),
        ("tests", _tests(verdict)),
    ]
    lines += [f"  {name:<11}  {text}" for name, text in told if text]
    lines += [f"  {line}" for line in _seeds(values)]
    lines += [f"  runs of seed {seed}: {keys}" for seed, keys in _runs(values, arms)]
    return "\n".join([*lines, f"  again: {command}"] if command else lines)


def _estimate(claim: Row, verdict: Row) -> str:
    number = "none" if verdict["estimate"] is None else _number(verdict["estimate"])
    low, high = verdict["ci_low"], verdict["ci_high"]
    level = verdict["ci_level"]
    interval = "" if low is None and high is None else f" [{_number(low)}, {_number(high)}]"
    at = f" at {100 * level:.4g} %" if interval and level is not None else ""
    method = f" ({verdict['method']})" if verdict["method"] else ""
    return f"{number}{interval}{at}{method}   bound {claim['bound']}   n {verdict['n']}"


def _why(verdict: Row) -> str:
    clause = settle.settles(verdict)
    return (verdict["detail"] or "").rstrip(".") + (f"; what settles it: {clause}" if clause else "")


def _control(verdict: Row, role: str) -> str:
    if verdict[f"{role}_name"] is None:
        return ""
    low, high = verdict[f"{role}_low"], verdict[f"{role}_high"]
    interval = "" if low is None and high is None else f" [{_number(low)}, {_number(high)}]"
    judged = verdict[f"{role}_verdict"] or "not judged"
    return f"{verdict[f'{role}_name']}: {_number(verdict[f'{role}_estimate'])}{interval} {judged}"


def _tests(verdict: Row) -> str:
    known = {"p": "p", "after Holm": "p_adj", "sign flips": "sign_flip_p", "sd from the limit": "effect", "mde": "mde"}
    return "   ".join(f"{name} {verdict[key]:.3g}" for name, key in known.items() if verdict[key] is not None)


def _seeds(values: Sequence[Row]) -> list[str]:
    """A table: a line a seed, a column for the claim and each of its controls."""
    heads: dict[tuple[str, str], str] = {}
    for row in sorted(values, key=lambda row: ROLES.index(row["role"])):
        label = row["control"] or ""
        heads[row["role"], label] = row["role"] if row["role"] == "claim" else f"{row['role']} {label}"
    cells = {(row["seed"], row["role"], row["control"] or ""): _value(row) for row in values}
    seeds = sorted({row["seed"] for row in values})
    if not seeds:
        return []
    shown = seeds[:MOST_SEEDS]
    lines = [[str(seed), *(cells.get((seed, *head), "-") for head in heads)] for seed in shown]
    table = columns([["seed", *heads.values()], *lines])
    return table + ([f"... and {len(seeds) - MOST_SEEDS} seeds more"] if len(seeds) > MOST_SEEDS else [])


def _value(row: Row) -> str:
    if row["value"] is None:
        return row["status"]
    return _number(row["value"]) + ("" if row["value2"] is None else f", {_number(row['value2'])}")


def _runs(values: Sequence[Row], arms: Sequence[str]) -> list[tuple[int, str]]:
    found: dict[int, str] = {}
    for row in sorted(values, key=lambda row: row["seed"]):
        keys = row.get("run_keys") or []
        named = [f"{arm} {key}" for arm, key in zip(arms, keys, strict=True)] if len(arms) == len(keys) else keys
        if keys:
            found.setdefault(row["seed"], ", ".join(named))
    return list(found.items())[:MOST_SEEDS]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
