"""A store of sessions with verdicts, for commands that read it."""

from datetime import UTC, datetime, timedelta

import pytest
from harness.store.writer import Session

BEGAN = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


@pytest.fixture
def judged(tmp_path):
    """judged("drifts", ..., minute=, shift=) commits a session of claims of a paper; supported, or refuted with a shift. Gives its run id."""

    def commit(*names, minute=0, shift=0.0) -> str:
        tables = {"claims": [], "measurements": [], "verdicts": []}
        for name in names:
            claim = {"claim_id": f"paper/{name}", "scale": "tiny", "paper": "paper", "version": 1, "spec_sha": "s1"}
            value = {"claim_id": claim["claim_id"], "scale": "tiny", "role": "claim", "status": "ok", "arms": ["rlvr"], "duration_s": 1.0}
            tables["claims"].append(claim | {"spec": "{}", "status": "measured"})
            tables["measurements"] += [value | {"seed": seed, "value": 0.5 + shift + 0.1 * seed} for seed in range(3)]
            tables["verdicts"].append(claim | {"verdict": "refuted" if shift else "supported", "reason": "", "estimate": 0.6 + shift})
        began = BEGAN + timedelta(minutes=minute)
        run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 1}
        session = Session(commit.folder).open({"git_sha": "ab12cd3ef"})
        session.commit({**tables, "runs": [run]})
        return session.run_id

    commit.folder = tmp_path / "results"
    return commit
