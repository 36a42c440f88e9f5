import pytest
from harness.store.reader import query


def _ask(store, sql):
    return query(store.folder, sql).to_pylist()


def test_complete_runs_newest_first(store, rows):
    first, second = store(0), store(1)
    assert [row["run_id"] for row in _ask(store, "from complete_runs")] == [second, first]


def test_latest_verdict_is_per_claim_and_scale(store, rows):
    elsewhere = [rows.verdict_row("refuted", scale="small"), rows.verdict_row("refuted", "paper/other")]
    store(0, verdicts=[rows.verdict_row("refuted"), *elsewhere])
    store(1, verdicts=[rows.verdict_row("supported")])
    found = [(row["claim_id"], row["scale"], row["verdict"]) for row in _ask(store, "from latest_verdict")]
    assert found == [
        ("paper/claim", "small", "refuted"),
        ("paper/claim", "tiny", "supported"),
        ("paper/other", "tiny", "refuted"),
    ]


def test_flips_compare_with_the_previous_run_of_that_claim(store, rows):
    first = store(0, verdicts=[rows.verdict_row("supported", n=5)])
    store(1, verdicts=[rows.verdict_row("supported", "paper/other")])
    second = store(2, verdicts=[rows.verdict_row("refuted", n=4, spec_sha="s2", version=2)])
    store(3, verdicts=[rows.verdict_row("refuted", n=4, spec_sha="s2", version=2)])
    (flip,) = _ask(store, "from flips")
    assert (flip["previous_verdict"], flip["verdict"]) == ("supported", "refuted")
    assert (flip["previous_run"], flip["run_id"]) == (first, second)
    assert (flip["previous_n"], flip["n"], flip["spec_changed"]) == (5, 4, True)


def test_a_flip_within_an_unchanged_spec_says_so(store, rows):
    store(0, verdicts=[rows.verdict_row("supported")])
    store(1, verdicts=[rows.verdict_row("inconclusive", reason="straddles")])
    assert _ask(store, "select spec_changed, reason from flips") == [{"spec_changed": False, "reason": "straddles"}]


def test_regression_and_evidence_are_never_compared(store, rows):
    store(0, verdicts=[rows.verdict_row("supported")])
    store(1, run={"judged": "evidence"}, verdicts=[rows.verdict_row("inconclusive")])
    assert _ask(store, "from flips") == []


def test_other_checkpoints_of_a_user_are_no_flip(store, rows):
    for minute, verdict in enumerate(("supported", "refuted")):
        store(minute, verdicts=[rows.verdict_row(verdict, scale="own")])
    assert _ask(store, "from flips") == []
    assert [row["verdict"] for row in _ask(store, "from latest_verdict")] == ["refuted"]


def test_a_rejudgement_takes_the_place_of_its_run(store, rows):
    """Judging an old run again must not pass for newer evidence than the run after it."""
    old = store(0, verdicts=[rows.verdict_row("supported")])
    new = store(1, verdicts=[rows.verdict_row("supported")])
    store(2, run={"mode": "rejudge", "rejudges": old}, verdicts=[rows.verdict_row("refuted")])
    (latest,) = _ask(store, "from latest_verdict")
    assert (latest["measured_in"], latest["verdict"]) == (new, "supported")
    (flip,) = _ask(store, "from flips")
    assert (flip["previous_run"], flip["previous_verdict"], flip["run_id"], flip["verdict"]) == (old, "refuted", new, "supported")


def test_evidence_lists_every_value_behind_the_latest_verdict(store, rows):
    store(0, measurements=[rows.measurement(9.0)], verdicts=[rows.verdict_row()])
    values = [
        rows.measurement(3.0, 1),
        rows.measurement(1.0, 0),
        rows.measurement(0.5, 0, role="null", control="isotropic"),
        rows.measurement(7.0, 0, role="plant", control="scaled_spectrum"),
    ]
    store(1, measurements=values, verdicts=[rows.verdict_row()])
    found = _ask(store, "select role, control, seed, value from evidence('paper/claim')")
    assert [row["value"] for row in found] == [1.0, 3.0, 0.5, 7.0]
    assert _ask(store, "from evidence('paper/unknown')") == []


def test_evidence_of_a_rejudged_verdict_is_the_measuring_runs(store, rows):
    old = store(0, measurements=[rows.measurement(1.0)], verdicts=[rows.verdict_row("supported")])
    store(1, run={"mode": "rejudge", "rejudges": old}, verdicts=[rows.verdict_row("refuted")])
    (row,) = _ask(store, "from evidence('paper/claim')")
    assert (row["value"], row["verdict"], row["run_id"]) == (1.0, "refuted", old)


def test_noise_floor_pairs_twins_by_seed(store, rows):
    twins = [rows.measurement(1.5, 0, role="floor"), rows.measurement(1.75, 1, role="floor")]
    values = [rows.measurement(1.0, 0), rows.measurement(2.0, 1), *twins]
    store(0, measurements=values, verdicts=[rows.verdict_row(noise_floor=0.4, estimate=1.5)])
    (row,) = _ask(store, "from noise_floor")
    assert (row["twins"], row["largest_distance"], row["noise_floor"]) == (2, 0.5, 0.4)
    assert row["mean_distance"] == pytest.approx(0.375)


def test_noise_floor_of_a_pair_is_that_of_its_difference(store, rows):
    values = [rows.measurement(5.0, value2=2.0), rows.measurement(4.0, role="floor", value2=2.0)]
    store(0, measurements=values, verdicts=[rows.verdict_row(noise_floor=1.0)])
    assert _ask(store, "select largest_distance from noise_floor") == [{"largest_distance": 1.0}]


def test_claims_that_noise_explains(store, rows):
    noisy = rows.verdict_row("inconclusive", "paper/noisy", reason="null explains it", null_name="isotropic", null_estimate=0.9)
    store(0, verdicts=[rows.verdict_row(), noisy, rows.verdict_row("inconclusive", "paper/wide", reason="straddles")])
    found = _ask(store, "select claim_id, null_name from explained_by_noise")
    assert found == [{"claim_id": "paper/noisy", "null_name": "isotropic"}]
    store(1, verdicts=[rows.verdict_row("supported", "paper/noisy")])
    assert _ask(store, "from explained_by_noise") == []


def test_a_verdict_on_fixed_seeds_goes_before_newer_evidence(store, rows):
    store(0, verdicts=[rows.verdict_row("supported")])
    store(1, run={"judged": "evidence"}, verdicts=[rows.verdict_row("inconclusive"), rows.verdict_row("refuted", "paper/other")])
    found = {row["claim_id"]: row["verdict"] for row in _ask(store, "from latest_verdict")}
    assert found == {"paper/claim": "supported", "paper/other": "refuted"}
    found = {row["claim_id"]: row["verdict"] for row in _ask(store, "from latest_evidence")}
    assert found == {"paper/claim": "inconclusive", "paper/other": "refuted"}


def test_evidence_lists_the_sessions_that_it_was_pooled_with(store, rows):
    """A seed counts in the run that had it first, and another spec's values not at all; exact claims pool nothing."""
    both = {"judged": "evidence"}
    first = store(0, run=both, claims=[rows.claim_row()], measurements=[rows.measurement(1.0, 10_000)])
    again = store(1, run=both, claims=[rows.claim_row()], measurements=[rows.measurement(1.0, 10_000), rows.measurement(2.0, 10_001)])
    other = store(2, run=both, claims=[rows.claim_row(spec_sha="s0")], measurements=[rows.measurement(9.0, 10_002)])
    pooled = both | {"pooled": [first, again, other]}
    last = store(3, run=pooled, claims=[rows.claim_row()], measurements=[rows.measurement(3.0, 10_003)], verdicts=[rows.verdict_row()])
    found = _ask(store, "select seed, value, run_id from evidence('paper/claim')")
    assert [(row["seed"], row["value"], row["run_id"]) for row in found] == [
        (10_000, 1.0, first), (10_001, 2.0, again), (10_003, 3.0, last),
    ]  # fmt: skip
    exact = {"method": "exact"}
    store(4, run=pooled, claims=[rows.claim_row()], measurements=[rows.measurement(4.0, 10_004)], verdicts=[rows.verdict_row(**exact)])
    assert [row["seed"] for row in _ask(store, "from evidence('paper/claim')")] == [10_004]
