"""Rows and sessions with defaults, so that a test states only what it is about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.store.writer import Session

BEGAN = datetime(2026, 11, 21, 23, 30, 10, tzinfo=UTC)


def claim_row(claim_id: str = "paper/claim", **given) -> dict:
    row = {"claim_id": claim_id, "scale": "tiny", "paper": claim_id.partition("/")[0], "version": 1, "spec_sha": "s1"}
    return row | {"spec": "{}", "status": "measured"} | given


def measurement(value: float | None = 1.5, seed: int = 0, **given) -> dict:
    row = {"claim_id": "paper/claim", "scale": "tiny", "role": "claim", "seed": seed, "value": value, "status": "ok"}
    return row | given


def verdict_row(verdict: str = "supported", claim_id: str = "paper/claim", **given) -> dict:
    row = {"claim_id": claim_id, "scale": "tiny", "paper": claim_id.partition("/")[0], "version": 1, "spec_sha": "s1"}
    return row | {"verdict": verdict, "reason": ""} | given


def run_row(minute: int = 0, **given) -> dict:
    began = BEGAN + timedelta(minutes=minute)
    row = {"started": began, "finished": began + timedelta(seconds=50), "mode": "dev", "judged": "regression"}
    return row | {"schema_version": 1, "git_sha": "ab12cd3ef"} | given


@pytest.fixture
def rows():
    """The row factories, as attributes."""
    return type("Rows", (), {f.__name__: staticmethod(f) for f in (claim_row, measurement, verdict_row, run_row)})


@pytest.fixture
def store(tmp_path: Path, rows):
    """store(verdicts=[...], ...) commits one session under tmp_path/results and returns its run id."""

    def commit(minute: int = 0, run: dict | None = None, **tables) -> str:
        session = Session(tmp_path / "results").open({"git_sha": "ab12cd3ef"})
        session.commit({**tables, "runs": [rows.run_row(minute, **(run or {}))]})
        return session.run_id

    commit.folder = tmp_path / "results"
    return commit
