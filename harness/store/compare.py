"""Comparing a session with what is stored: previous verdicts, and specs that changed without a new version."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.store.reader import check_file, query

Key = tuple[str, str]  # claim_id, scale

_LAST = """FROM standing WHERE judged = $judged
QUALIFY row_number() OVER (PARTITION BY claim_id, scale ORDER BY measured_at DESC, measured_in DESC) = 1"""


class SpecChange(NamedTuple):
    """A claim that says something else under an unchanged version number."""

    claim_id: str
    version: int
    old_sha: str
    new_sha: str


def previous_verdicts(
    results_dir: str | Path, baseline: str | Path | None = None, *, judged: str = "regression"
) -> dict[Key, dict[str, Any]]:
    """The verdict that each claim had last.

    Args:
        results_dir: the store.
        baseline: a verdicts file for claims that the store has not seen; by default the store's own,
            <results_dir>/baseline/verdicts.parquet. It need not exist. It holds regression verdicts.
        judged: only runs judged this way; a regression verdict is no previous value for an evidence one.

    Returns:
        (claim_id, scale) to a row of table verdicts.

    Raises:
        StoreError: a file cannot be read.
    """
    found = _keyed(_baseline(results_dir, baseline)) if judged == "regression" else {}
    if (Path(results_dir) / "runs").is_dir():
        found |= _keyed(query(results_dir, _LAST, {"judged": judged}).to_pylist())
    return found


def last_durations(results_dir: str | Path) -> dict[str, float]:
    """Wall seconds of the latest session that trained something ("cold") and of the latest that did not ("warm").

    Rejudgements and recovered sessions measured nothing and do not count.
    """
    if not (Path(results_dir) / "runs").is_dir():
        return {}
    rows = query(
        results_dir,
        """SELECT CASE WHEN trained > 0 THEN 'cold' ELSE 'warm' END AS kind, arg_max(duration_s, started) AS seconds
        FROM runs WHERE trained IS NOT NULL AND duration_s IS NOT NULL GROUP BY kind""",
    )
    return {row["kind"]: row["seconds"] for row in rows.to_pylist()}


def stored_specs(results_dir: str | Path, baseline: str | Path | None = None) -> list[tuple[str, int, str]]:
    """(claim_id, version, spec_sha) of every claim in the baseline and that complete runs judged, oldest first.

    A spec that was refused has a row in `claims` too, and must not stand in the way of the one that it is restored to.
    """
    rows = _baseline(results_dir, baseline)
    if (Path(results_dir) / "runs").is_dir():
        sql = "SELECT claim_id, version, spec_sha FROM claims WHERE status = 'measured' GROUP BY ALL ORDER BY min(run_id)"
        rows += query(results_dir, sql).to_pylist()
    return [(row["claim_id"], row["version"], row["spec_sha"]) for row in rows]


def changed_without_version(
    claim_rows: Iterable[Mapping[str, Any]], results_dir: str | Path, baseline: str | Path | None = None
) -> list[SpecChange]:
    """Claims whose spec differs from a stored one of the same version.

    Args:
        claim_rows: rows of table claims as registered now (claim_id, version, spec_sha are read).
        results_dir, baseline: as for `previous_verdicts`.

    Returns:
        One entry per claim, with the newest stored hash that differs; empty if all is well.
    """
    stored = stored_specs(results_dir, baseline)
    changes: dict[str, SpecChange] = {}
    for row in claim_rows:
        claim_id, version, sha = row["claim_id"], row["version"], row["spec_sha"]
        others = [old for known, at, old in stored if known == claim_id and at == version and old != sha]
        if others:
            changes[claim_id] = SpecChange(claim_id, version, others[-1], sha)
    return sorted(changes.values())


def _baseline(results_dir: str | Path, baseline: str | Path | None) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    path = Path(baseline) if baseline else Path(results_dir) / "baseline" / "verdicts.parquet"
    if not path.is_file():
        return []
    check_file(path, "verdicts")
    return pq.read_table(path).to_pylist()


def _keyed(rows: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {(row["claim_id"], row["scale"]): row for row in rows}
