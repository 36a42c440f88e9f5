"""Evidence mode: which seeds a session draws, and which earlier values its own are judged together with.

    seeds    from 10 000 or one above the largest that an evidence session of this store has used: never one of regression (0-9)
             or one that rates were tuned on (100-104), never one twice
    values   the session's own and those of the evidence sessions that were complete when it began (column `pooled` of its row
             in `runs`), where claim, scale, version, spec and metric version are the same; a seed counts where it was first

The confidence sequence (harness.claims.sequence) is valid however often one looks, so a verdict may be read after every session.
`pooled` is stored and not inferred: a session that is recovered, merged in or deleted later does not change what an earlier one
says, or is missed by name. A new LOOP_VERSION, claim version or spec begins a new sequence.
Exact claims are no sample of anything: they are asserted on the session's own seeds, as in regression mode.
Trap: two sessions at once draw the same seeds. They read the same values, and a later session counts each seed once.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import HarnessError, StoreError

if TYPE_CHECKING:
    import duckdb

EVIDENCE = "evidence"
FIRST = 10_000

_SESSIONS = """SELECT run_id FROM runs
WHERE judged = 'evidence' AND rejudges IS NULL AND loop_version IS NOT DISTINCT FROM $loop ORDER BY started, run_id"""

_USED = "SELECT DISTINCT m.seed FROM measurements AS m JOIN runs USING (run_id) WHERE judged = 'evidence'"

_EARLIER = """SELECT m.*
FROM measurements AS m
JOIN claims AS c USING (run_id, claim_id, scale)
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id, generate_subscripts($runs::VARCHAR[], 1) AS nth) AS pooled USING (run_id)
WHERE m.claim_id = $claim AND m.scale = $scale AND m.metric_version IS NOT DISTINCT FROM $metric
  AND c.status = 'measured' AND c.version = $version AND c.spec_sha = $sha
QUALIFY pooled.nth = min(pooled.nth) OVER (PARTITION BY m.seed)"""


class Fresh(NamedTuple):
    """What a session in evidence mode begins with: its first seed, and the sessions that it is pooled with."""

    seed_base: int
    pooled: tuple[str, ...]


def draw(results_dir: str | Path, seeds: int, asked: int | None = None) -> Fresh:
    """Fresh seeds for a session that begins now.

    Args:
        results_dir: the store; it need not exist.
        seeds: how many.
        asked: the first one, where the user names it.

    Raises:
        HarnessError: the seeds asked for belong to regression and tuning, or an evidence session of this store has used one.
        StoreError: the store cannot be read.
    """
    from harness.store.reader import ask, connect
    from harness.training.recipe import LOOP_VERSION

    if asked is not None and asked < FIRST:
        raise HarnessError(
            f"--claim-seed-base {asked}: evidence is drawn from seed {FIRST} on, apart from regression and tuning; leave it out"
        )
    sessions, used = [], set()
    if (Path(results_dir) / "runs").is_dir():
        with connect(results_dir) as connection:
            sessions = ask(connection, _SESSIONS, {"loop": LOOP_VERSION})["run_id"].to_pylist()
            used = set(ask(connection, _USED)["seed"].to_pylist())
    again = used.intersection(range(asked, asked + seeds)) if asked is not None else ()
    if again:
        raise HarnessError(
            f"--claim-seed-base {asked}: seed {min(again)} has been evidence before; leave it out, and fresh seeds are drawn"
        )
    return Fresh(asked if asked is not None else max({FIRST - 1, *used}) + 1, tuple(sessions))


def with_earlier(
    connection: "duckdb.DuckDBPyConnection",
    pooled: Sequence[str],
    claim_rows: Iterable[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """A session's rows of measurements, and the earlier ones that they are judged with.

    Args:
        connection: to the store.
        pooled: run ids, as a row of `runs` has them.
        claim_rows: rows of table claims of the session that is judged; exact claims and those without rows get none.
        rows: of the session.

    Raises:
        StoreError: a session that it was pooled with is not in the store.
    """
    from harness.engine import judging
    from harness.store.reader import ask

    if not pooled:
        return list(rows)
    known = set(ask(connection, "SELECT run_id FROM runs")["run_id"].to_pylist())
    if missing := [run_id for run_id in pooled if run_id not in known]:
        more = f" and of {len(missing) - 1} more" if len(missing) > 1 else ""
        says = f"evidence was judged together with that of session {missing[0]}{more}, which is not in the store"
        raise StoreError(f"{says}; bring it back")
    metrics = {(row["claim_id"], row["scale"]): row.get("metric_version") for row in rows}
    joined = list(rows)
    for claim in claim_rows:
        key = claim["claim_id"], claim["scale"]
        if key in metrics and judging.claim_of(claim).bound.statistical:
            wanted = {"claim": key[0], "scale": key[1], "version": claim["version"], "sha": claim["spec_sha"]}
            wanted |= {"metric": metrics[key], "runs": list(pooled)}
            joined += ask(connection, _EARLIER, wanted).to_pylist()
    return joined


def with_earlier_in(
    results_dir: str | Path,
    pooled: Sequence[str],
    claim_rows: Iterable[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """`with_earlier` on a store that is not open; it is not even read where nothing is pooled."""
    from harness.store.reader import connect

    if not pooled:
        return list(rows)
    with connect(results_dir) as connection:
        return with_earlier(connection, pooled, claim_rows, rows)
