"""rows -> verdicts: a pure function of what is stored, so a verdict can be recomputed years later, without torch.

Rows of table measurements are matched by seed: a replicate is what the claim, its nulls, its plants and its twin gave for one
seed. Families are judged together (Holm inside paper x scale x family). A value that is missing stays missing: it makes the
claim or its control non-finite or unmatched, and is never dropped.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from harness.claims import OWN, Claim, Evidence, NoMatch, Verdict, judge, judge_family
from harness.claims.aggregate import UNMATCHED
from harness.claims.samples import Scores
from harness.claims.verdict import INCONCLUSIVE
from harness.errors import StoreError

Row = Mapping[str, Any]
METHODS = {"regression": "t", "evidence": "sequence"}
"""How a session's seeds were chosen decides the method: fixed seeds, or fresh ones that may be looked at on the way."""


def claim_of(claim_row: Row) -> Claim:
    """The claim of a row of table claims, from its stored spec."""
    return Claim.from_spec(json.loads(claim_row["spec"]))


def counts(claim: Claim) -> bool:
    """Whether the claim takes a share of its family's alpha."""
    return claim.adjusted


def evidence_from(claim: Claim, rows: Iterable[Row]) -> Evidence:
    """What was measured for one claim at one scale, matched by seed.

    Args:
        claim: names the controls to look for; a control without a value for a seed gets None there.
        rows: rows of table measurements of this claim and scale. A noise floor without any row was not measured; the only
            replicate at the scale of a user's own checkpoints is a case.

    Raises:
        StoreError: two values for the same role, control and seed (a rerun: the harness does not choose between them).
    """
    found: dict[tuple[str, str | None], dict[int, Any]] = {}
    scales = set()
    for row in rows:
        scales.add(row["scale"])
        control = None if row["role"] in ("claim", "floor") else row["control"]
        by_seed = found.setdefault((row["role"], control), {})
        if row["seed"] in by_seed:
            what = f"{row['role']} {control}" if control else row["role"]
            raise StoreError(f"{claim.id} has two values for seed {row['seed']} ({what}); a claim is measured once per seed")
        by_seed[row["seed"]] = _value(claim, row)
    values = found.get(("claim", None), {})
    seeds = sorted(values)

    def matched(role: str, control: str | None = None) -> tuple:
        return tuple(found.get((role, control), {}).get(seed) for seed in seeds)

    return Evidence(
        values=tuple(values[seed] for seed in seeds),
        nulls={control.label(): matched("null", control.label()) for control in claim.nulls},
        plants={control.label(): matched("plant", control.label()) for control in claim.plants},
        floor=_floor(claim, matched("claim"), matched("floor")) if claim.floor and ("floor", None) in found else None,
        case=len(seeds) == 1 and scales == {OWN},
    )


def _value(claim: Claim, row: Row) -> Any:
    """One replicate as `Evidence` takes it: a number, a pair, None, or what kept its arms from being matched."""
    if row["status"] == UNMATCHED:
        return NoMatch(json.loads(row["matches"])[0]["unmatched"])
    if row["status"] != "ok" or row["value"] is None:
        return None
    return row["value"] if row["value2"] is None else (row["value"], row["value2"])


def _floor(claim: Claim, values: Sequence[Any], twins: Sequence[Any]) -> tuple[float | None | NoMatch, ...]:
    """|f(arm) - f(twin)| on the judged scale, seed by seed; None where one of the two is missing."""
    return tuple(_distance(claim, value, twin) for value, twin in zip(values, twins, strict=True))


def _distance(claim: Claim, value: Any, twin: Any) -> float | None | NoMatch:
    if isinstance(twin, NoMatch):
        return twin
    a, b = Scores.of(claim.bound, (value, twin)).values
    return None if a is None or b is None else abs(a - b)


def provisional(claim_row: Row, rows: Iterable[Row], family_size: int, judged: str = "regression") -> Verdict:
    """The verdict at Holm's first step, alpha / family_size, for one claim while its family is still being measured.

    Holm never asks more of a claim than its first step does, so what is decided here stays decided; what is
    inconclusive may still be settled when the family is complete.
    """
    claim = claim_of(claim_row)
    alpha = claim.alpha / family_size if counts(claim) else claim.alpha
    return judge(claim, evidence_from(claim, rows), alpha=alpha, method=METHODS[judged])


def verdict_rows(claim_rows: Iterable[Row], measurement_rows: Iterable[Row], judged: str = "regression") -> list[dict[str, Any]]:
    """Rows of table verdicts (run_id left out), one per measured claim, in the order of `claim_rows`.

    Args:
        claim_rows: rows of table claims; those that were skipped or broke get no verdict.
        measurement_rows: rows of table measurements, in any order.
        judged: "regression" or "evidence".
    """
    values: dict[tuple[str, str], list[Row]] = {}
    for row in measurement_rows:
        values.setdefault((row["claim_id"], row["scale"]), []).append(row)
    families: dict[tuple[str, str, str], list[tuple[Row, Claim]]] = {}
    order: list[tuple[str, str]] = []
    for row in claim_rows:
        if row["status"] == "measured":
            claim = claim_of(row)
            families.setdefault((claim.paper, row["scale"], claim.family), []).append((row, claim))
            order.append((row["claim_id"], row["scale"]))
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for members in families.values():
        pairs = [(claim, evidence_from(claim, values.get((row["claim_id"], row["scale"]), ()))) for row, claim in members]
        size = sum(counts(claim) for claim, _ in pairs)
        for (row, claim), verdict in zip(members, judge_family(pairs, method=METHODS[judged]), strict=True):
            made[row["claim_id"], row["scale"]] = _verdict_row(row, claim, verdict, size)
    return [made[key] for key in order]


def _verdict_row(row: Row, claim: Claim, verdict: Verdict, family_size: int) -> dict[str, Any]:
    expected = row["expected"] or "open"
    fields = {key: _finite(value) for key, value in asdict(verdict).items()}
    return {
        "claim_id": row["claim_id"],
        "scale": row["scale"],
        "paper": claim.paper,
        "version": claim.version,
        "spec_sha": row["spec_sha"],
        "bound": claim.bound.text(),
        "alpha": claim.alpha,
        "family": claim.family,
        "family_size": family_size if counts(claim) else None,
        "expected": expected,
        "as_expected": None if expected == "open" else verdict.verdict == expected,
        **fields,
    }


def _finite(value: Any) -> Any:
    """An interval without an end is stored without it."""
    return None if isinstance(value, float) and not isfinite(value) else value


def sentence(claim_row: Row, verdict: Verdict) -> str:
    """One line for people, with all the numbers: what an assertion message or a log shows."""
    numbers = "no estimate" if verdict.estimate is None else f"estimate {verdict.estimate:.4g}"
    ends = [verdict.ci_low, verdict.ci_high]
    if any(end is not None for end in ends):
        numbers += " [" + ", ".join("-" if end is None else f"{end:.4g}" for end in ends) + "]"
    reason = f" ({verdict.reason})" if verdict.reason else ""
    head = f"{claim_row['claim_id']} [{claim_row['scale']}] {verdict.verdict}{reason}"
    body = f"{numbers}, bound {claim_row['bound']}, n {verdict.n}, expected {claim_row['expected'] or 'open'}"
    return f"{head}: {body}" + (f". {verdict.detail}" if verdict.detail else "")


def contradicts(verdict: str, expected: str | None, judged: str = "regression") -> bool:
    """Whether a verdict is another than the one that the claim is registered to have; an inconclusive one contradicts nothing.

    "Inconclusive" is registered for the few seeds of regression mode: that evidence settles it is news and no contradiction.
    """
    if verdict == INCONCLUSIVE or expected in (None, "open") or (judged == "evidence" and expected == INCONCLUSIVE):
        return False
    return verdict != expected


def tally(claim_rows: Iterable[Row], verdicts: Iterable[Row]) -> dict[str, int]:
    """The counts of table runs: selected, measured, skipped, errored; supported, refuted, inconclusive."""
    status = Counter(row["status"] for row in claim_rows)
    verdict = Counter(row["verdict"] for row in verdicts)
    known = {"measured": status["measured"], "skipped": status["skipped"], "errored": status["error"]}
    return {"selected": status.total(), **known, **{name: verdict[name] for name in ("supported", "refuted", "inconclusive")}}
