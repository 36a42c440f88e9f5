"""A session of two claims as the store sees it: rows by hand, judged by the real statistics."""

import json
from datetime import UTC, datetime

import harness.claims as hc
import pytest
from harness.engine import judging
from harness.store.writer import Session


@pytest.fixture
def claims():
    """Two claims of one family, one with a null, a plant and a twin."""
    hc.clear()
    paper = hc.Paper("paper", arxiv="2511.08567", title="A paper")

    def body(rlvr, sft):
        return None

    controls = {"null": "isotropic", "plant": "scaled_spectrum", "floor": hc.swap(rlvr="rlvr_twin")}
    first = paper.claim("moves", says="s", source="Sec. 1", bound=hc.below(1.0, on="log"), **controls)(body)
    moves = first.__claim__
    paper.claim("turns", says="s", source="Sec. 2", bound=hc.greater(0.0), no_null="-", no_plant="-")(body)
    yield moves, body.__claim__
    hc.clear()


@pytest.fixture
def session(claims):
    """(claim rows, measurement rows) as a session has them."""
    moves, turns = claims
    claim_rows = [
        {"claim_id": c.id, "scale": "tiny", "paper": c.paper, "version": c.version, "spec_sha": c.sha, "status": "measured"}
        | {"spec": json.dumps(c.spec()), "bound": c.bound.text(), "family": c.family, "expected": "supported"}
        for c in claims
    ]
    values = []
    for seed in range(5):
        for role, control, value in (
            ("claim", None, 0.5 + 0.03 * seed),
            ("null", "isotropic", 1.1 + 0.02 * seed),
            ("plant", "scaled_spectrum", 0.1 + 0.01 * seed),
            ("floor", "swap(rlvr=rlvr_twin)", 0.52 + 0.03 * seed),
        ):
            row = {"claim_id": moves.id, "scale": "tiny", "role": role, "control": control, "seed": seed, "value": value}
            values.append(row | {"status": "ok"})
        row = {"claim_id": turns.id, "scale": "tiny", "role": "claim", "seed": seed, "status": "ok"}
        values.append(row | {"value": 1.0 + 0.1 * seed, "value2": 1.05})
    return claim_rows, [{"value2": None, "control": None} | row for row in values]


@pytest.fixture
def stored(tmp_path, session):
    """stored() commits the session and returns its run id."""

    def commit():
        claim_rows, values = session
        now = datetime.now(UTC)
        run = {"started": now, "finished": now, "mode": "dev", "judged": "regression", "schema_version": 1, "seeds": 5}
        writing = Session(tmp_path).open()
        tables = {"claims": claim_rows, "measurements": values, "verdicts": judging.verdict_rows(claim_rows, values)}
        writing.commit({**tables, "runs": [run]})
        return writing.run_id

    return commit
