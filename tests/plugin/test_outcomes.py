"""What becomes of a claim: passed, failed, inconclusive, an error that is never a refutation."""

import json

from pytest import mark

CLAIMS = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=1.0):
    return noisy(rng, shift)
"""


def test_a_planted_effect_is_found_and_recorded(suite):
    done = suite.write(CLAIMS).run()
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout and "SUPPORTED" in done.stdout
    row = suite.query("SELECT verdict, n, null_verdict, plant_verdict, expected FROM latest_verdict")[0]
    assert row == {"verdict": "supported", "n": 5, "null_verdict": "refuted", "plant_verdict": "supported", "expected": "supported"}


def test_a_planted_null_is_not_found(suite):
    """The same claim on an arm without the effect: refuted, and that contradicts what it is registered to be."""
    done = suite.write(CLAIMS.replace("shift=1.0", "shift=0.1")).run()
    assert done.returncode == 1
    assert "1 failed" in done.stdout and "REFUTED" in done.stdout
    assert suite.query("SELECT verdict, as_expected FROM latest_verdict") == [{"verdict": "refuted", "as_expected": False}]


def test_what_its_null_meets_too_is_never_supported(suite):
    body = CLAIMS.replace('h.above(0.5))', 'h.above(0.5), null=h.variant(shift=1.0001))')
    done = suite.write(body).run()
    assert done.returncode == 0 and "1 inconclusive" in done.stdout
    assert suite.query("SELECT verdict, reason FROM latest_verdict") == [{"verdict": "inconclusive", "reason": "null explains it"}]
    assert suite.query("SELECT claim_id FROM explained_by_noise") == [{"claim_id": "toy/rises"}]


def test_a_plant_that_is_not_found_is_a_failed_control(suite):
    done = suite.write(CLAIMS.replace('h.above(0.5))', 'h.above(0.5), plant=h.variant(shift=0.2))')).run()
    assert done.returncode == 0 and "control failed" in done.stdout
    assert suite.query("SELECT verdict, reason FROM latest_verdict") == [{"verdict": "inconclusive", "reason": "control failed"}]


@mark.parametrize("mode, code", [("skip", 0), ("fail", 1)])
def test_inconclusive_fails_only_where_asked(suite, mode, code):
    """Straddles: the values lie on both sides of the bound."""
    body = """
@claim("straddles", h.above(0.005), null=h.variant(shift=-1.0))
def test_straddles(rng, shift=0.0):
    return noisy(rng, shift)
"""
    done = suite.write(body).run("--claim-inconclusive", mode)
    assert done.returncode == code
    assert suite.query("SELECT reason FROM latest_verdict") == [{"reason": "straddles"}]


@mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_a_value_that_is_not_finite_fails_with_a_sentence_and_is_stored_as_missing(suite, value):
    body = f"""
@claim("breaks", h.above(0.5))
def test_breaks(rng, shift=1.0):
    return {value} if shift == 1.0 else shift
"""
    done = suite.write(CLAIMS + body).run()
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout
    assert "not finite" in done.stdout or "non-finite" in done.stdout
    rows = suite.query("SELECT DISTINCT value, status FROM measurements WHERE claim_id = 'toy/breaks' AND role = 'claim'")
    assert rows == [{"value": None, "status": "nonfinite"}]
    assert suite.query("SELECT verdict FROM latest_verdict WHERE claim_id = 'toy/breaks'") == [{"verdict": "inconclusive"}]


def test_arms_that_cannot_be_matched_are_inconclusive_and_say_by_how_much(suite):
    body = """
@claim("gains", h.above(0.5))
def test_gains(rng, shift=1.0):
    import torch
    w = torch.ones(4, 4)
    slow = h.Change.from_weights({"w": w}, {"w": 2 * w}, label="slow", gain=0.4)
    fast = h.Change.from_weights({"w": w}, {"w": 3 * w}, label="fast", gain=0.5 if shift == 1.0 else 0.4)
    return noisy(rng, shift) * slow.matched(fast, on="gain").norm()["w"]
"""
    done = suite.write(CLAIMS + body).run()
    assert done.returncode == 0 and "1 passed, 1 inconclusive" in done.stdout, done.stdout
    says = (
        "slow and fast cannot be matched on gain: the nearest snapshot (the end) gained 0.400 against 0.500,"
        " 0.100 off where 0.05 is allowed."
    )
    assert f"why gains [tiny]: unmatched: {says.rstrip('.')}" in done.stdout
    assert suite.query("SELECT verdict, reason, n, estimate, detail FROM latest_verdict WHERE claim_id = 'toy/gains'") == [
        {"verdict": "inconclusive", "reason": "unmatched", "n": 0, "estimate": None, "detail": f"unmatched: {says}"}
    ]
    found = suite.query("SELECT role, status, matches, count(*) AS n FROM measurements WHERE claim_id = 'toy/gains' GROUP BY ALL")
    counted = {row["role"]: (row["status"], row["n"]) for row in found}
    assert counted == {"claim": ("unmatched", 5), "null": ("ok", 5), "plant": ("ok", 5)}
    assert [json.loads(row["matches"]) for row in found if row["role"] == "claim"] == [[{"unmatched": says}]]


def test_a_zero_update_is_an_error_in_one_sentence_and_never_a_refutation(suite):
    body = """
@claim("nothing-moved", h.above(0.5))
def test_nothing_moved(rng, shift=1.0):
    import torch
    w = torch.ones(4, 4)
    return h.kappa(h.Change.from_weights({"w": w}, {"w": w}))
"""
    done = suite.write(CLAIMS + body).run()
    assert done.returncode == 1 and "the update of w is zero" in done.stdout
    assert "Traceback" not in done.stdout
    assert suite.query("SELECT claim_id, status FROM claims ORDER BY ALL") == [
        {"claim_id": "toy/nothing-moved", "status": "error"},
        {"claim_id": "toy/rises", "status": "measured"},
    ]
    assert suite.query("SELECT claim_id FROM verdicts") == [{"claim_id": "toy/rises"}]


def test_a_crash_in_a_body_is_an_error(suite):
    body = """
@claim("crashes", h.above(0.5))
def test_crashes(rng, shift=1.0):
    return {}["missing"]
"""
    done = suite.write(body).run()
    assert done.returncode == 1 and "KeyError" in done.stdout
    assert suite.query("SELECT status FROM claims") == [{"status": "error"}]


def test_a_scale_that_offers_too_little_is_skipped_with_that_reason(suite):
    body = """
@claim("needs-training", h.above(0.5), plant=None, no_plant="none", null=None, no_null="none")
def test_needs_training(rlvr):
    return 1.0
"""
    done = suite.write(body).run("--claim-scale", "large", "-rs")
    assert "1 skipped" in done.stdout and "needs a run of the arm rlvr; scale large offers none" in done.stdout
    assert suite.query("SELECT status FROM claims") == [{"status": "skipped"}]


@mark.parametrize("how", ["mark", "call"])
def test_a_claim_that_its_suite_skips_is_no_error(suite, how):
    mark = '@pytest.mark.skipif(True, reason="no peer here")' if how == "mark" else ""
    body = f"""
import pytest

{mark}
@claim("needs-a-peer", h.above(0.5))
def test_needs_a_peer(rng, shift=1.0):
    pytest.skip("no peer here")
"""
    done = suite.write(body).run("-rs")
    assert done.returncode == 0 and "no peer here" in done.stdout
    [row] = suite.query("SELECT status, status_reason FROM claims")
    assert row["status"] == "skipped" and "no peer here" in row["status_reason"]


def test_the_table_shows_the_previous_verdict(suite):
    suite.write(CLAIMS).run()
    second = suite.write(CLAIMS).run()
    assert second.returncode == 0
    assert suite.query("SELECT count(*) AS n FROM complete_runs") == [{"n": 2}]
    assert suite.query("FROM flips") == []
