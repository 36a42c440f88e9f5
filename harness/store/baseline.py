"""The committed baseline: the verdicts that a checkout is known to give, so that a fresh clone can tell what changed.

    results/baseline/verdicts.parquet        one row per claim and scale, table verdicts

A session compares with its own store first and with the baseline for what the store has not seen; a claim whose spec differs
from the baseline's under one version is refused.
"""

import os
from pathlib import Path

from harness.errors import StoreError
from harness.store.reader import query
from harness.store.schema import columns, metadata, schema


def write_baseline(results_dir: str | Path) -> Path:
    """Make the latest verdicts of a store its baseline; those of a user's own checkpoints say nothing about a checkout.

    Args:
        results_dir: the store.

    Returns:
        The file written, <results_dir>/baseline/verdicts.parquet.

    Raises:
        StoreError: the store holds no verdict, or the file cannot be written.
    """
    import pyarrow.parquet as pq

    names = ", ".join(f'"{name}"' for name in columns("verdicts"))
    found = query(results_dir, f"SELECT {names} FROM latest_verdict WHERE scale <> 'own' ORDER BY claim_id, scale")
    if found.num_rows == 0:
        raise StoreError(f"{results_dir} holds no verdict to make a baseline of; run `make claims` first")
    path = Path(results_dir) / "baseline" / "verdicts.parquet"
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(found.cast(schema("verdicts")).replace_schema_metadata(metadata()), temporary, compression="zstd")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}; free space or name another folder") from error
    return path
