"""A store of as many verdicts as asked for, written in columns: through Session it would take minutes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.store.schema import metadata, schema

BEGAN = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
VERDICTS = ("supported", "supported", "refuted", "inconclusive")
REASONS = ("", "", "", "null explains it")
SEEDS = 5
PER_PAPER = 250


def write_large(folder: Path, count: int, sessions: int = 1, seeds: int = SEEDS) -> Path:
    """`count` claims at tiny, judged in each of `sessions` sessions; the values of the last alone, with null and plant."""
    ids = [f"paper-{i // PER_PAPER:03d}/claim-{i:06d}" for i in range(count)]
    papers = [claim_id.partition("/")[0] for claim_id in ids]
    for number in range(sessions):
        began = BEGAN + timedelta(hours=number)
        run_id = f"{began:%Y%m%dT%H%M%S}Z-ab12cd3-{number:04x}"
        shared = {"run_id": [run_id] * count, "claim_id": ids, "scale": ["tiny"] * count}
        shared |= {"paper": papers, "version": [1] * count, "spec_sha": [f"{i:016x}" for i in range(count)]}
        bound = {"kind": "below", "high": 1.0, "low": None, "margin": None, "equals": None, "on": "identity"}
        about = {"bound": bound, "paper_title": "A made-up paper", "why": "x" * 600}
        specs = [json.dumps({"id": claim_id, **about}) for claim_id in ids]
        says = [f"RLVR moves the singular values of layer {i} less than SFT does at equal update norm" for i in range(count)]
        stated = {"spec": specs, "says": says, "bound": ["< 1"] * count, "status": ["measured"] * count}
        _write(folder, "claims", run_id, shared | stated)
        values = [0.25 + (i % 97) / 100 for i in range(count)]
        judged = {"verdict": [VERDICTS[i % 4] for i in range(count)], "reason": [REASONS[i % 4] for i in range(count)]}
        judged |= {"estimate": values, "ci_low": [v - 0.1 for v in values], "ci_high": [v + 0.1 for v in values]}
        judged |= {"bound": ["< 1"] * count, "n": [SEEDS] * count, "null_name": ["isotropic"] * count}
        judged |= {"expected": ["supported"] * count, "as_expected": [i % 4 < 2 for i in range(count)]}
        judged |= {"null_estimate": [1.1] * count}
        _write(folder, "verdicts", run_id, shared | judged)
        if number == sessions - 1:
            _write(folder, "measurements", run_id, _measurements(run_id, ids, seeds))
        run = {"run_id": run_id, "started": began, "finished": began, "mode": "dev", "judged": "regression"}
        run["schema_version"] = 1
        _write(folder, "runs", run_id, {name: [value] for name, value in run.items()})
    return folder


def _measurements(run_id: str, ids: list[str], seeds: int) -> dict[str, list[Any]]:
    roles = [("claim", None), ("null", "isotropic"), ("plant", "scaled_spectrum")]
    rows = [(claim_id, role, control, seed) for claim_id in ids for role, control in roles for seed in range(seeds)]
    made: dict[str, list[Any]] = {"run_id": [run_id] * len(rows), "scale": ["tiny"] * len(rows), "status": ["ok"] * len(rows)}
    for place, name in enumerate(("claim_id", "role", "control", "seed")):
        made[name] = [row[place] for row in rows]
    return made | {"value": [0.123456789 * (1 + i % 13) for i in range(len(rows))]}


def _write(folder: Path, table: str, run_id: str, columns: dict[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = len(columns["run_id"])
    wanted = schema(table)
    arrays = [pa.array(columns.get(field.name, [None] * count), field.type) for field in wanted]
    path = folder / table / f"{run_id[:4]}-{run_id[4:6]}" / f"{run_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(arrays, schema=wanted).replace_schema_metadata(metadata()), path, compression="zstd")
