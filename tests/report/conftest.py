"""Stores of two papers, judged by the real statistics: what a page of findings is made of."""

import json
from datetime import UTC, datetime, timedelta

import harness.claims as hc
import pytest
from harness.engine import judging
from harness.store.writer import Session

BEGAN = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
SERIES = {
    "drifts": {"claim": (0.50, 0.53, 0.56, 0.59, 0.62), "null": (1.10, 1.12, 1.14, 1.16, 1.18), "plant": (0.1,) * 5},
    "turns": {"claim": (1.50, 1.53, 1.56, 1.59, 1.62), "null": (1.49, 1.55, 1.54, 1.60, 1.63), "plant": (0.1,) * 5},
    "hides": {"claim": (0.50, 0.53, 0.56, 0.59, 0.62), "null": (0.51, 0.52, 0.57, 0.58, 0.61), "plant": (0.1,) * 5},
}


def declared(paper_id: str = "paper") -> dict:
    """Claims by short id; each says "below 1" and has a null and a plant."""
    hc.clear()
    paper = hc.Paper(paper_id, arxiv="2511.08567", title="A paper | with a bar")

    def body(rlvr):
        return None

    sources = {"drifts": "Sec. 4 (H08): 1e-5", "turns": "Fig. 5 (H06)", "hides": "Table 1"}
    for short, source in sources.items():
        given = dict(says=f"RLVR {short}", source=source, metric="a number", bound=hc.below(1.0))
        paper.claim(short, null="isotropic", plant="scaled_spectrum", expect={"tiny": "supported"}, **given)(body)
    made = {claim.id.partition("/")[2]: claim for claim in hc.all_claims()}
    hc.clear()
    return made


@pytest.fixture
def judged(tmp_path):
    """judged("drifts", ..., scale=, folder=, minute=, paper=) commits a session of these claims; gives its run id.

    `apart`, a sentence, makes the first replicate of every claim one whose arms could not be matched.
    """

    def commit(*shorts, scale="tiny", folder=None, minute=0, paper="paper", shift=0.0, skip=(), apart="") -> str:
        claims, values = [], []
        for short, claim in declared(paper).items():
            if short not in (*shorts, *skip):
                continue
            row = {"claim_id": claim.id, "scale": scale, "paper": paper, "version": 1, "spec_sha": claim.sha, "says": claim.says}
            row |= {"source": claim.source, "spec": json.dumps(claim.spec()), "bound": claim.bound.text(), "family": "main"}
            skipped = {"status": "skipped", "status_reason": "needs a GPU"} if short in skip else {"status": "measured"}
            claims.append(row | {"expected": "supported"} | skipped)
            for role, series in SERIES[short].items() if short not in skip else ():
                control = {"null": "isotropic", "plant": "scaled_spectrum"}.get(role)
                values += [
                    {"claim_id": claim.id, "scale": scale, "role": role, "control": control, "seed": seed, "status": "ok"}
                    | {"value": value + shift * (role == "claim"), "value2": None}
                    for seed, value in enumerate(series)
                ]
        for row in values if apart else ():
            if (row["role"], row["seed"]) == ("claim", 0):
                row |= {"value": None, "status": "unmatched", "matches": json.dumps([{"unmatched": apart}])}
        began = BEGAN + timedelta(minutes=minute)
        run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 1, "seeds": 5}
        session = Session(folder or tmp_path / "results").open({"git_sha": "ab12cd3ef"})
        tables = {"claims": claims, "measurements": values, "verdicts": judging.verdict_rows(claims, values)}
        session.commit({**tables, "runs": [run | {"git_sha": "ab12cd3ef", "seed_base": 0}]})
        return session.run_id

    commit.folder = tmp_path / "results"
    return commit


def _diff_rows(count: int = 4, *, step: int | None = None, **metrics) -> list[dict]:
    """Rows of a diff of `count` matrices; a metric is a value, or (value, mean, sd) with its null's draws, or a dict of columns."""
    made = []
    for i in range(count):
        whose = {"base": "/models/base", "tuned": "/runs/7/step.safetensors", "name": f"layers.{i}.mlp.up_proj", "layer": i}
        whose |= {"module": "mlp.up_proj", "base_dtype": "bfloat16", "tuned_dtype": "float32", "status": "ok", "step": step}
        for metric, given in ({"equal": 0.0, "rounding": 0.0, "relative_norm": 1e-3 * (i + 1)} | metrics).items():
            columns = given if isinstance(given, dict) else {"value": given[0] if isinstance(given, tuple) else given}
            if isinstance(given, tuple):
                columns |= {"null_mean": given[1], "null_sd": given[2], "null_draws": 3}
            made.append(whose | {"metric": metric} | columns)
    return made


@pytest.fixture
def diff_rows():
    """See `_diff_rows`."""
    return _diff_rows
