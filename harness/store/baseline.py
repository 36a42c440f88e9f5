"""The committed baseline: the verdicts that a checkout is known to give, so that a fresh clone can tell what changed.

    results/baseline/verdicts.parquet        one row per claim and scale, table verdicts
    results/baseline/runs.parquet            the sessions that they come from, without what is this machine's alone (argv, links)

A session compares with its own store first and with the baseline for what the store has not seen; a claim whose spec differs
from the baseline's under one version is refused. `harness compare --baseline` compares a whole store with it. Only verdicts on
fixed seeds make a baseline: those of evidence mode have other seeds each time.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import StoreError
from harness.store.reader import ask, connect
from harness.store.schema import columns, metadata, schema

if TYPE_CHECKING:
    import pyarrow as pa

LEFT_OUT = ("argv", "ci_url")


def write_baseline(results_dir: str | Path) -> Path:
    """Make the latest verdicts of a store its baseline; those of a user's own checkpoints say nothing about a checkout.

    Args:
        results_dir: the store.

    Returns:
        The file written, <results_dir>/baseline/verdicts.parquet.

    Raises:
        StoreError: the store holds no verdict, or the file cannot be written.
    """
    names = ", ".join(f'"{name}"' for name in columns("verdicts"))
    kept = ", ".join(f"NULL AS {name}" if name in LEFT_OUT else name for name in columns("runs"))
    verdicts = f"SELECT {names} FROM latest_verdict WHERE scale <> 'own' AND judged = 'regression' ORDER BY claim_id, scale"
    runs = f"SELECT {kept} FROM runs WHERE run_id IN (SELECT run_id FROM ({verdicts})) ORDER BY run_id"
    with connect(results_dir) as connection:
        found, behind = ask(connection, verdicts), ask(connection, runs)
    if found.num_rows == 0:
        raise StoreError(f"{results_dir} holds no verdict to make a baseline of; run `make claims` first")
    folder = Path(results_dir) / "baseline"
    _write(folder / "runs.parquet", behind, "runs")
    return _write(folder / "verdicts.parquet", found, "verdicts")


def _write(path: Path, rows: "pa.Table", table: str) -> Path:
    """The rows as a file of the store, in place at once."""
    import pyarrow.parquet as pq

    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.cast(schema(table)).replace_schema_metadata(metadata()), temporary, compression="zstd")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}; free space or name another folder") from error
    return path
