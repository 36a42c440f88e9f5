"""Judging stored measurements again: verdicts are a function of measurements and spec, and this checks that they are.

A difference means that the statistics changed since, or that somebody edited the store. A spec whose text no longer has
its hash was altered after the fact. Nothing is edited: `write` appends a run that takes the place of the one it rejudges.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.engine import judging, pool
from harness.errors import HarnessError, SpecError, StoreError
from harness.store.reader import ask, connect
from harness.store.schema import COLUMNS, SCHEMA_VERSION
from harness.store.writer import Session

if TYPE_CHECKING:
    import duckdb

UNJUDGED = {"run_id", "detail"}  # columns of verdicts that are no result: the wording of a sentence may improve
REL_TOL = 1e-9  # scipy's distributions agree across versions and machines to about 1e-12


class Difference(NamedTuple):
    """One field of one verdict that comes out otherwise; field "verdict" is None on a side that has no verdict."""

    claim_id: str
    scale: str
    field: str
    stored: Any
    now: Any


class Rejudged(NamedTuple):
    """One run judged again.

    Attributes:
        run: the row of table runs.
        claims: its rows of table claims.
        verdicts: rows of table verdicts as they come out now.
        differences: against the verdicts that stand for this run.
        altered: ids of claims whose stored spec does not have its stored hash.
        refused: why claims could not be judged again, a sentence each.
    """

    run: dict[str, Any]
    claims: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    differences: list[Difference]
    altered: list[str]
    refused: list[str]


def rejudge(results_dir: str | Path, which: str = "latest") -> list[Rejudged]:
    """Judge stored runs again, oldest first.

    Args:
        results_dir: the store.
        which: a run id or the beginning of one, "latest", or "all". Rejudgements themselves are left out.

    Raises:
        StoreError: no such run, or a file cannot be read.
    """
    with connect(results_dir) as connection:
        runs = ask(connection, "FROM runs WHERE rejudges IS NULL AND judged <> 'none' ORDER BY started, run_id").to_pylist()
        return [_rejudge(connection, run) for run in _choose(runs, which, results_dir)]


def _choose(runs: list[dict[str, Any]], which: str, results_dir: str | Path) -> list[dict[str, Any]]:
    chosen = runs if which == "all" else runs[-1:] if which == "latest" else [r for r in runs if r["run_id"].startswith(which)]
    if not chosen:
        known = f"its latest is {runs[-1]['run_id']}" if runs else "it has no complete run"
        raise StoreError(f"there is no run {which!r} to judge again in {results_dir}; {known}")
    if len(chosen) > 1 and which != "all":
        raise StoreError(f"{which!r} is the beginning of {len(chosen)} run ids in {results_dir}; write more of it")
    return chosen


def _rejudge(connection: "duckdb.DuckDBPyConnection", run: dict[str, Any]) -> Rejudged:
    here = {"run": run["run_id"]}
    claims = ask(connection, "FROM claims WHERE run_id = $run", here).to_pylist()
    values = ask(connection, "FROM measurements WHERE run_id = $run", here).to_pylist()
    stored = ask(connection, "FROM standing WHERE measured_in = $run", here).to_pylist()
    measured = {(row["claim_id"], row["scale"]) for row in values}
    altered, refused, fit = [], [], []
    for row in claims:
        if row["status"] != "measured":
            continue
        try:
            claim = judging.claim_of(row)
        except (SpecError, json.JSONDecodeError) as error:
            refused.append(f"{row['claim_id']} [{row['scale']}]: {error}")
            continue
        if claim.sha != row["spec_sha"]:
            altered.append(row["claim_id"])
        if (row["claim_id"], row["scale"]) not in measured:
            refused.append(f"{row['claim_id']} [{row['scale']}]: its measurements are not in the store")
        else:
            fit.append(row)
    try:
        verdicts = judging.verdict_rows(fit, pool.with_earlier(connection, run["pooled"] or (), fit, values), run["judged"])
    except HarnessError as error:
        refused, verdicts, fit = [*refused, str(error)], [], []
    skip = {(row["claim_id"], row["scale"]) for row in claims} - {(row["claim_id"], row["scale"]) for row in fit}
    kept = [row for row in stored if (row["claim_id"], row["scale"]) not in skip]
    return Rejudged(run, claims, verdicts, differences(kept, verdicts), sorted(set(altered)), refused)


def differences(stored: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[Difference]:
    """What differs between two lists of verdict rows, field by field; numbers to one part in 1e9."""
    old = {(row["claim_id"], row["scale"]): row for row in stored}
    new = {(row["claim_id"], row["scale"]): row for row in now}
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            sides = [side[key]["verdict"] if key in side else None for side in (old, new)]
            found.append(Difference(*key, "verdict", *sides))
            continue
        for field in COLUMNS["verdicts"]:
            if field not in UNJUDGED and not _same(old[key][field], new[key].get(field)):
                found.append(Difference(*key, field, old[key][field], new[key].get(field)))
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return isclose(one, other, rel_tol=REL_TOL, abs_tol=1e-12)
    return one == other


def write(results_dir: str | Path, rejudged: Rejudged, provenance: Mapping[str, Any]) -> str:
    """Append a run that takes the place of the rejudged one in every view; its measurements stay where they are.

    Args:
        rejudged: what came out.
        provenance: columns of table runs that tell what judged it now (git_sha, scipy, argv, ...).

    Returns:
        The new run's id.
    """
    old, now = rejudged.run, datetime.now(UTC)
    run = {
        **provenance,
        **{key: old[key] for key in ("judged", "seed_base", "seeds", "scales", "loop_version", "pooled")},
        **judging.tally(rejudged.claims, rejudged.verdicts),
        "started": now,
        "mode": "rejudge",
        "rejudges": old["run_id"],
        "schema_version": SCHEMA_VERSION,
    }
    session = Session(results_dir).open(run)
    session.commit({"verdicts": rejudged.verdicts, "runs": [{**run, "finished": datetime.now(UTC)}]})
    return session.run_id
