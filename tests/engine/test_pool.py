"""Evidence mode from the store's side: fresh seeds, what is pooled with what, and that verdicts stay functions of stored rows."""

import json
from datetime import UTC, datetime, timedelta

import harness.claims as hc
import numpy as np
import pytest
from harness.claims.samples import Scores, place
from harness.engine import judging, pool, recover, rejudge
from harness.errors import HarnessError, StoreError
from harness.store.reader import connect, query
from harness.store.writer import Session, table_path
from harness.training.recipe import LOOP_VERSION

BEGAN = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture
def claims():
    """A claim that says "below 1" with a null, and an exact one."""
    hc.clear()
    paper = hc.Paper("paper", arxiv="2511.08567", title="A paper")

    def body(rlvr):
        return None

    moves = paper.claim("moves", says="s", source="Sec. 1", bound=hc.below(1.0), null="isotropic", no_plant="-")(body).__claim__
    holds = paper.claim("holds", says="s", source="Sec. 2", bound=hc.exact(1), no_null="-", no_plant="-")(body).__claim__
    yield moves, holds
    hc.clear()


def claim_row(claim, **given):
    row = {"claim_id": claim.id, "scale": "tiny", "paper": claim.paper, "version": claim.version, "spec_sha": claim.sha}
    row |= {"spec": json.dumps(claim.spec()), "bound": claim.bound.text(), "family": claim.family, "expected": "supported"}
    return row | {"status": "measured"} | given


def measured(claim, seeds, value=0.5, **given):
    """A value, and a null of 1.2, for each seed; both spread a little."""
    rows = []
    for seed in seeds:
        row = {"claim_id": claim.id, "scale": "tiny", "seed": seed, "status": "ok", "value2": None, "metric_version": 1} | given
        spread = 0.01 * (seed % 7)
        rows.append(row | {"role": "claim", "control": None, "value": value if value == 1 else value + spread})
        rows += [row | {"role": "null", "control": "isotropic", "value": 1.2 + spread}] if claim.nulls else []
    return rows


@pytest.fixture
def night(tmp_path, claims):
    """night(minute, ...) is one evidence session of five fresh seeds a claim, as the ledger writes it; returns its run id."""

    def commit(minute=0, *, value=0.5, pooled=None, base=None, judged="evidence", loop=LOOP_VERSION, row=None, **given):
        fresh = pool.draw(tmp_path, 5) if judged == "evidence" else pool.Fresh(0, ())
        base = fresh.seed_base if base is None else base
        seeds = range(base, base + 5)
        claim_rows = [claim_row(claims[0], **(row or {})), claim_row(claims[1])]
        rows = measured(claims[0], seeds, value, **given) + measured(claims[1], seeds, 1)
        run = {"started": BEGAN + timedelta(minutes=minute), "finished": BEGAN + timedelta(minutes=minute + 1), "mode": "ci"}
        run |= {"judged": judged, "schema_version": 2, "loop_version": loop, "seed_base": base, "seeds": 5}
        run |= {"pooled": list(fresh.pooled if pooled is None else pooled)} if judged == "evidence" else {}
        joined = pool.with_earlier_in(tmp_path, run.get("pooled") or (), claim_rows, rows)
        session = Session(tmp_path).open()
        verdicts = judging.verdict_rows(claim_rows, joined, judged)
        session.commit({"claims": claim_rows, "measurements": rows, "verdicts": verdicts, "runs": [run]})
        return session.run_id

    return commit


def verdict(folder, run_id, claim="paper/moves"):
    sql = f"select verdict, reason, method, n from verdicts where run_id = '{run_id}' and claim_id = '{claim}'"
    (row,) = query(folder, sql).to_pylist()
    return row


def test_every_session_draws_seeds_that_none_had(tmp_path, night):
    assert pool.draw(tmp_path, 5) == (10_000, ())
    first = night(0)
    night(1, judged="regression")
    assert pool.draw(tmp_path, 5) == (10_005, (first,))
    second = night(2, base=10_050)
    assert pool.draw(tmp_path, 5) == (10_055, (first, second))


@pytest.mark.parametrize(
    ("asked", "says"),
    [(0, "drawn from seed 10000 on"), (100, "drawn from seed 10000 on"), (10_003, "seed 10003 has been"), (9_999, "from seed 10000")],
)
def test_seeds_of_regression_or_of_earlier_evidence_are_refused(tmp_path, night, asked, says):
    night(0)
    with pytest.raises(HarnessError, match=says):
        pool.draw(tmp_path, 5, asked)
    assert pool.draw(tmp_path, 5, 20_000).seed_base == 20_000


def test_nights_add_up_to_what_one_could_not_say(tmp_path, night):
    """At n = 5 the sequence is 3.8 sd wide each way: these values are settled by the second night, an exact claim by each."""
    wide = {"value": 0.95}
    runs = [night(minute, **wide) for minute in range(3)]
    assert [verdict(tmp_path, run)["n"] for run in runs] == [5, 10, 15]
    assert verdict(tmp_path, runs[0])["verdict"] == "inconclusive" and verdict(tmp_path, runs[2])["method"] == "sequence"
    assert [verdict(tmp_path, run, "paper/holds")["n"] for run in runs] == [5, 5, 5]


def test_pooled_verdicts_come_out_as_stored(tmp_path, night):
    for minute in range(3):
        night(minute)
    assert [(done.differences, done.refused) for done in rejudge.rejudge(tmp_path, "all")] == [([], [])] * 3


def test_a_later_session_does_not_change_what_an_earlier_one_says(tmp_path, night):
    """Not even one that took place before it and came in afterwards, from a journal or another machine's store."""
    night(0)
    second = night(10)
    night(5, pooled=(), base=30_000, value=2.0)
    assert rejudge.rejudge(tmp_path, second)[0].differences == []


def test_a_pooled_session_that_is_gone_is_named(tmp_path, night):
    first, second = night(0), night(1)
    table_path(tmp_path, "runs", first).unlink()
    (done,) = rejudge.rejudge(tmp_path, second)
    assert done.refused == [f"evidence was judged together with that of session {first}, which is not in the store; bring it back"]
    assert done.differences == []


@pytest.mark.parametrize(
    "other",
    [{"row": {"version": 2}}, {"row": {"spec_sha": "s0"}}, {"row": {"status": "error"}}, {"metric_version": 2}],
    ids=["version", "spec", "error", "metric"],
)
def test_only_what_says_the_same_is_pooled(tmp_path, night, other):
    earlier = night(0, base=10_000, **other)
    second = night(1, pooled=[earlier])
    assert verdict(tmp_path, second)["n"] == 5


def test_a_changed_training_loop_begins_anew(tmp_path, night):
    night(0, loop=LOOP_VERSION - 1)
    assert pool.draw(tmp_path, 5) == (10_005, ())


def test_two_sessions_at_once_count_each_seed_once(tmp_path, night):
    first, twin = night(0), night(1, base=10_000, pooled=())
    third = night(2)
    assert query(tmp_path, f"select pooled from runs where run_id = '{third}'").to_pylist() == [{"pooled": [first, twin]}]
    assert verdict(tmp_path, third)["n"] == 10


def test_a_killed_session_comes_back_with_what_it_was_pooled_with(tmp_path, night, claims):
    first = night(0)
    killed = Session(tmp_path).open({"mode": "ci", "judged": "evidence", "pooled": [first], "loop_version": LOOP_VERSION})
    killed.journal("claim", {"claim": claim_row(claims[0]), "measurements": measured(claims[0], range(10_005, 10_010))})
    lines = killed.journal_path.read_text().splitlines(keepends=True)
    killed.journal_path.write_text(json.dumps(json.loads(lines[0]) | {"born": "1"}) + "\n" + lines[1])
    (found,) = recover.recover(tmp_path)
    assert found.state == "saved" and verdict(tmp_path, killed.run_id)["n"] == 10
    assert rejudge.rejudge(tmp_path, killed.run_id)[0].differences == []


def test_nothing_pooled_needs_no_store(tmp_path, claims):
    rows = measured(claims[0], range(3))
    assert pool.with_earlier_in(tmp_path / "nowhere", (), [claim_row(claims[0])], rows) == rows
    with connect(tmp_path) as connection, pytest.raises(StoreError, match="session x and of 1 more, which is not"):
        pool.with_earlier(connection, ("x", "y"), [claim_row(claims[0])], rows)


def ever_decided(bound, judged, data, alpha=0.05):
    """Share of series that are called supported or refuted at one look or more, five more seeds at each."""

    def decided(series):
        return place(bound, Scores.of(bound, series).sample(judging.METHODS[judged]).interval(alpha, bound.sides)) != "inconclusive"

    return sum(any(decided(series[:n]) for n in range(5, len(series) + 1, 5)) for series in data) / len(data)


def test_thirty_looks_err_at_the_level_in_evidence_mode_and_far_beyond_it_in_regression_mode():
    """The truth lies on the bound, so that every decision is a miss; the same 300 series of 150 seeds in both modes."""
    data = np.random.default_rng(31).normal(1.0, 0.3, (300, 150)).tolist()
    assert ever_decided(hc.below(1.0), "evidence", data) <= 0.05
    assert ever_decided(hc.below(1.0), "regression", data) > 0.4


@pytest.mark.parametrize(
    ("verdict", "expected", "judged", "is_one"),
    [
        ("refuted", "supported", "regression", True),
        ("refuted", "supported", "evidence", True),
        ("supported", "inconclusive", "regression", True),
        ("supported", "inconclusive", "evidence", False),
        ("inconclusive", "supported", "regression", False),
        ("refuted", "open", "regression", False),
        ("refuted", None, "evidence", False),
    ],
    ids=str,
)
def test_what_contradicts_a_registration(verdict, expected, judged, is_one):
    assert judging.contradicts(verdict, expected, judged) is is_one
