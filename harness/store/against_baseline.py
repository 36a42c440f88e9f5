"""The regression verdicts of a store against the committed baseline: what flipped, changed its spec, broke, is new or missing.

For every claim and scale the last regression session that tried it counts (or one session, where that is asked for). Evidence,
which has other seeds, and a user's own checkpoints are never compared.

    flip          claim and version are the baseline's, the verdict is another; inconclusive to supported is one too
    refutation    refuted, registered as something else, and no baseline of this version that it could flip from
    broken        its last measurement was an error
    spec change   version as in the baseline, spec another: measured so, refused so, or registered so
    moved         the same verdict on other numbers; on fixed seeds they should be the same, so this is told, and no failure

Code: 3 a spec changed; else 1 a flip, a refutation or a broken claim; else 5 nothing in common; else 0. A changed spec goes first
because every other difference of that claim may be its consequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import StoreError
from harness.store.compare import SpecChange
from harness.store.reader import ask, check_file, connect

AS_EXPECTED, DIFFERS, SPEC_CHANGED, NOTHING = 0, 1, 3, 5
SAME = 1e-6  # of an interval's half-width or an estimate: what another BLAS may do on equal seeds
MOVERS = ("harness", "python", "torch", "transformers", "peft", "trl", "lm_eval", "numpy", "scipy", "cpu")
"""Columns of runs that can move a number."""

Row = Mapping[str, Any]
Key = tuple[str, str]  # claim_id, scale

_TRIED = """SELECT c.*, runs.started FROM claims AS c JOIN runs USING (run_id)
WHERE judged = 'regression' AND rejudges IS NULL AND c.scale <> 'own' AND run_id = coalesce($run, run_id)
QUALIFY row_number() OVER (PARTITION BY c.claim_id, c.scale ORDER BY c.status = 'skipped', started DESC, run_id DESC) = 1"""

_JUDGED = """FROM standing WHERE judged = 'regression' AND scale <> 'own' AND measured_in = coalesce($run, measured_in)
QUALIFY row_number() OVER (PARTITION BY claim_id, scale ORDER BY measured_at DESC, measured_in DESC) = 1"""


class Pair(NamedTuple):
    """A verdict beside the baseline's (None where it has none), the runs that they came from, and how far the estimate moved."""

    now: Row
    was: Row | None
    run: Row
    was_run: Row | None

    @property
    def key(self) -> Key:
        return self.now["claim_id"], self.now["scale"]

    @property
    def versions(self) -> dict[str, tuple[Any, Any]] | None:
        """What can move a number and differs between the two runs; None where the baseline's run is not known."""
        if self.was_run is None:
            return None
        both = {name: (self.was_run.get(name), self.run.get(name)) for name in MOVERS}
        return {name: pair for name, pair in both.items() if pair[0] != pair[1]}

    @property
    def shift(self) -> float:
        """Distance between the two estimates in half-widths of the baseline's interval, or relative where that has no width."""
        if self.was is None or self.was["estimate"] is None or self.now["estimate"] is None:
            return 0.0
        low, high = self.was["ci_low"], self.was["ci_high"]
        half = 0.5 * (high - low) if low is not None and high is not None else 0.0
        return abs(self.now["estimate"] - self.was["estimate"]) / (half or abs(self.was["estimate"]) or 1.0)


class Gone(NamedTuple):
    """A claim without a verdict, and why: an error, what a scale lacks, or nothing that is known."""

    claim_id: str
    scale: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """What `against_baseline` found; every list is sorted by claim and scale."""

    baseline: Path
    compared: list[Pair]
    flips: list[Pair]
    refutations: list[Pair]
    changed: list[SpecChange]
    broken: list[Gone]
    revised: list[Pair]
    new: list[Pair]
    unmeasured: list[Gone]
    removed: list[Key]

    @cached_property
    def moved(self) -> list[Pair]:
        """Verdicts that stand on other numbers, the farthest first."""
        flipped = {pair.key for pair in self.flips}
        moved = [pair for pair in self.compared if pair.key not in flipped and pair.shift > SAME]
        return sorted(moved, key=lambda pair: -pair.shift)

    @property
    def code(self) -> int:
        """The exit code; see the top of the file."""
        if self.changed:
            return SPEC_CHANGED
        if self.flips or self.refutations or self.broken:
            return DIFFERS
        return AS_EXPECTED if self.compared else NOTHING


def against_baseline(
    results_dir: str | Path,
    baseline: str | Path | None = None,
    *,
    run: str | None = None,
    registered: Mapping[str, tuple[int, str]] | None = None,
) -> Comparison:
    """Compare a store's regression verdicts with a baseline.

    Args:
        results_dir: the store.
        baseline: a verdicts file; by default the store's own, <results_dir>/baseline/verdicts.parquet.
        run: only this session: its id or the beginning of it.
        registered: claim_id to (version, spec_sha) of every claim that the suites declare now; None if that is not known.

    Raises:
        StoreError: a file is missing or cannot be read, or there is no such session.
    """
    path = Path(baseline) if baseline else Path(results_dir) / "baseline" / "verdicts.parquet"
    before = _read_baseline(path)
    with connect(results_dir) as connection:
        runs = {row["run_id"]: row for row in ask(connection, "FROM runs").to_pylist()}
        chosen = {"run": _session(runs, run, results_dir)}
        tried = _keyed(ask(connection, _TRIED, chosen).to_pylist())
        judged = _keyed(ask(connection, _JUDGED, chosen).to_pylist())
    known = {**_baseline_runs(path), **runs}
    broken = {key: row for key, row in tried.items() if row["status"] == "error" and _is_last(row, judged.get(key))}
    changed = _changed(before, [*tried.values(), *judged.values()], registered)
    restated = {change.claim_id for change in changed}
    pairs = [
        Pair(now, was := before.get(key), runs[now["run_id"]], known.get(was["run_id"]) if was else None)
        for key, now in sorted(judged.items())
        if key not in broken and now["claim_id"] not in restated
    ]
    compared = [pair for pair in pairs if pair.was and pair.was["version"] == pair.now["version"]]
    others = [pair for pair in pairs if pair.was is None or pair.was["version"] != pair.now["version"]]
    removed = [key for key in sorted(before) if registered is not None and key[0] not in registered and key not in judged]
    missing = [key for key in sorted(before) if key not in judged and key not in broken and key not in removed]
    return Comparison(
        baseline=path,
        compared=compared,
        flips=[pair for pair in compared if pair.was["verdict"] != pair.now["verdict"]],
        refutations=[p for p in others if p.now["verdict"] == "refuted" and p.now["expected"] not in (None, "open", "refuted")],
        changed=changed,
        broken=[Gone(*key, row["status_reason"] or "") for key, row in sorted(broken.items()) if key[0] not in restated],
        revised=[pair for pair in others if pair.was],
        new=[pair for pair in others if not pair.was],
        unmeasured=[Gone(*key, tried.get(key, {}).get("status_reason") or "") for key in missing if key[0] not in restated],
        removed=removed,
    )


def _read_baseline(path: Path) -> dict[Key, Row]:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StoreError(f"there is no baseline {path}; name one with --baseline FILE, or write one with `harness baseline`")
    check_file(path, "verdicts")
    return _keyed(pq.read_table(path).to_pylist())


def _baseline_runs(path: Path) -> dict[str, Row]:
    """The sessions that the baseline was measured in, where they were written beside it."""
    import pyarrow.parquet as pq

    beside = path.with_name("runs.parquet")
    if not beside.is_file():
        return {}
    check_file(beside, "runs")
    return {row["run_id"]: row for row in pq.read_table(beside).to_pylist()}


def _session(runs: Mapping[str, Row], asked: str | None, results_dir: str | Path) -> str | None:
    if asked is None:
        return None
    found = [run_id for run_id in sorted(runs) if run_id.startswith(asked)]
    if len(found) != 1:
        what = f"is the beginning of {len(found)} run ids" if found else "is no run"
        raise StoreError(f"{asked!r} {what} in {results_dir}; `harness query complete_runs` lists them")
    if runs[found[0]]["judged"] != "regression" or runs[found[0]]["rejudges"]:
        raise StoreError(f"{found[0]} is no regression session, and no other is compared with a baseline; name one with --run")
    return found[0]


def _is_last(row: Row, verdict: Row | None) -> bool:
    return verdict is None or (row["started"], row["run_id"]) > (verdict["measured_at"], verdict["measured_in"])


def _changed(
    before: Mapping[Key, Row], rows: list[Row], registered: Mapping[str, tuple[int, str]] | None
) -> list[SpecChange]:
    """Claims whose spec is another than the baseline's under its version, each once, with the hash that differs."""
    stated = {(row["claim_id"], row["version"]): row["spec_sha"] for row in before.values()}
    now = [(row["claim_id"], row["version"], row["spec_sha"]) for row in rows]
    now += [(claim_id, *stand) for claim_id, stand in (registered or {}).items()]
    found = {
        claim_id: SpecChange(claim_id, version, stated[claim_id, version], sha)
        for claim_id, version, sha in now
        if stated.get((claim_id, version), sha) != sha
    }
    return sorted(found.values())


def _keyed(rows: list[Row]) -> dict[Key, Row]:
    return {(row["claim_id"], row["scale"]): row for row in rows}
