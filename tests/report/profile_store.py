"""A store of profiles that says by hand what each curve is: two runs of two layers and two modules at three checkpoints.

Values follow simple rules, so that a test can say what a page must show: drift i is +-(i + 1) / 1000 over noise of 1 / 1000.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.store.writer import Session

BEGAN = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
K, LEAD, ROWS, COLS = 8, 3, 8, 16
STEPS = (1, 10, 100)
MODULES = ("self_attn.q_proj", "mlp.up_proj")
INDEX = [float(i + 1) for i in range(K)]


def curves(step: int, factor: float = 1.0) -> dict[str, dict[str, Any]]:
    """Columns by kind of one matrix at one step."""
    before = [8.0 / (i + 1) for i in range(K)]
    drift = [factor * (-1) ** i * (i + 1) / 1000 for i in range(K)]
    noise = {"reference": [0.001] * K, "reference_name": "noise, root mean square of 3 draws"}
    lead = {"x": INDEX[:LEAD], "reference": [1.0] * LEAD, "reference_name": "noise, mean of 3 draws"}
    lead |= {"detail": "k = 3, where the gap is 1.5"}
    bins = [(i % 7) / 10 for i in range(ROWS * COLS)]
    return {
        "values_before": {"x": INDEX, "y": before},
        "values_after": {"x": INDEX, "y": [value * (1 + change) for value, change in zip(before, drift, strict=True)]},
        "drift": {"x": INDEX, "y": drift, **noise},
        "angles_left": lead | {"y": [0.5, 1.0, 2.0 * factor]},
        "angles_right": lead | {"y": [0.25, 0.5, 1.5 * factor]},
        "energy": {"y": [4.0 if i < 2 else 0.5 + i / 512 for i in range(256)], "rows": 16, "cols": 16, "reference": [1.0]},
        "mask_overlap": {"x": [], "y": [0.15, 0.6, 0.05], "reference": [0.3, 0.3, 0.1]},
        "mask_overlap_noise": {"x": [], "y": [0.25, 0.5, 0.08], "reference": [0.3, 0.3, 0.1]},
        "bf16_map": {"y": [share * step / 100 for share in bins], "rows": ROWS, "cols": COLS, "reference": [0.3 * step / 100]},
        "bf16_rows": {"x": INDEX, "y": [0.2] * (ROWS - 1) + [0.8], "reference": [0.2] * ROWS},
        "bf16_cols": {"x": [float(i + 1) for i in range(COLS)], "y": [0.25] * COLS, "reference": [0.2]},
    }


def rows_of(subject: str, arm: str = "rlvr", steps: tuple[int, ...] = STEPS, layers: int = 2, factor: float = 1) -> list[dict]:
    """Rows of one subject, all kinds there."""
    whose = {"subject": subject, "arm": arm, "scale": "tiny", "seed": 0, "run_key": "ae57c025", "metric_version": 1}
    whose |= {"status": "ok"}
    made = []
    for step in steps:
        for layer in range(layers):
            for module in MODULES:
                which = {"step": step, "matrix": f"layers.{layer}.{module}", "layer": layer, "module": module}
                made += [whose | which | {"kind": kind, **columns} for kind, columns in curves(step, factor).items()]
        for module in MODULES:
            for kind, value in (("update_norm", 0.01), ("nss", 0.002), ("enrichment", 2.0), ("bf16_changed", 0.3)):
                y = [value * (layer + 1) * step / 100 for layer in range(layers)]
                what = {"matrix": "", "module": module, "kind": f"layer_{kind}", "x": [float(i) for i in range(layers)], "y": y}
                reference = None if kind == "update_norm" else [value] * layers
                made.append(whose | {"step": step, "reference": reference} | what)
    return made


def commit(folder: Path, rows: list[dict], minute: int = 0) -> str:
    """One session with these profiles; gives its run id."""
    began = BEGAN + timedelta(minutes=minute)
    session = Session(folder).open({"git_sha": "ab12cd3ef"})
    run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 2}
    session.commit({"profiles": rows, "runs": [run]})
    return session.run_id
