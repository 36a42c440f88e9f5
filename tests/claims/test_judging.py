"""One claim at a time: the three-way rule, the reasons in their order, and every figure of a verdict."""

import dataclasses
import json
import math

import pytest

from harness.claims import (
    REASONS,
    Claim,
    Evidence,
    NoMatch,
    above,
    below,
    differs,
    equivalent,
    exact,
    fraction,
    greater,
    judge,
    judge_family,
    null,
    plant,
    swap,
)
from harness.claims.judging import judge as judge_module_function
from harness.errors import SpecError

TIGHT = (0.50, 0.52, 0.48, 0.51, 0.49)
HIGH = (2.00, 2.10, 1.90, 2.05, 1.95)
WIDE = (0.10, 1.60, 0.70, 1.90, 0.40)


def shifted(values, by):
    return tuple(value + by for value in values)


@pytest.mark.parametrize(
    ("bound", "values", "verdict"),
    [
        (below(1.0), TIGHT, "supported"),
        (below(1.0), HIGH, "refuted"),
        (below(1.0), WIDE, "inconclusive"),
        (below(1.0, on="log"), TIGHT, "supported"),
        (above(1.0), HIGH, "supported"),
        (above(1.0), TIGHT, "refuted"),
        (equivalent(0.3, 0.7), TIGHT, "supported"),
        (equivalent(0.3, 0.7), HIGH, "refuted"),
        (equivalent(0.3, 0.7), WIDE, "inconclusive"),
        (equivalent(0.6, 3.0), TIGHT, "refuted"),
        (differs(0.2), TIGHT, "supported"),
        (differs(0.2), shifted(TIGHT, -1.0), "supported"),
        (differs(0.8), TIGHT, "refuted"),
        (differs(0.8), WIDE, "inconclusive"),
        (greater(), tuple(zip(HIGH, TIGHT, strict=True)), "supported"),
        (greater(), tuple(zip(TIGHT, HIGH, strict=True)), "refuted"),
        (greater(2.0), tuple(zip(HIGH, TIGHT, strict=True)), "refuted"),
        (differs(0.5), tuple(zip(TIGHT, HIGH, strict=True)), "supported"),
        (fraction(0.5), (True,) * 5, "supported"),
        (fraction(0.8), (False,) * 5, "refuted"),
        (fraction(0.5), (True, True, True, False, False), "inconclusive"),
    ],
    ids=lambda v: v.text() if hasattr(v, "text") else str(v)[:24],
)
def test_three_way_rule(make_claim, bound, values, verdict):
    result = judge(make_claim(bound), Evidence(values))
    assert (result.verdict, result.n) == (verdict, 5)
    assert (result.reason == "") == (verdict != "inconclusive")
    assert result.reason in REASONS and result.detail


def test_every_figure_by_hand(make_claim):
    """n = 5, mean .5, sd sqrt(.00025), one-sided 5 %: t(.95, 4) = 2.1318."""
    result = judge(make_claim(below(1.0)), Evidence(TIGHT))
    sd = math.sqrt(0.001 / 4)
    assert result.estimate == pytest.approx(0.5)
    assert (result.ci_low, result.ci_high) == pytest.approx((0.5 - 2.131847 * sd / 5**0.5, 0.5 + 2.131847 * sd / 5**0.5))
    assert (result.ci_level, result.method) == (pytest.approx(0.9), "t")
    assert result.effect == pytest.approx(0.5 / sd)
    assert result.p == pytest.approx(1.2e-7, rel=0.3) and result.sign_flip_p == 1 / 32 and result.p_adj is None
    assert result.mde == pytest.approx(1.36 * sd, rel=0.01)  # 80 % power at n = 5 takes 1.36 sd
    assert result.n_to_settle is None and result.noise_floor is None and result.null_name is None
    assert result.detail == "0.5 [0.485, 0.515] lies inside < 1"


def test_an_estimate_on_the_log_is_the_geometric_mean(make_claim):
    result = judge(make_claim(below(1.0, on="log")), Evidence((0.25, 0.5, 1.0)))
    assert result.estimate == pytest.approx(0.5)
    assert result.ci_low * result.ci_high == pytest.approx(0.25)
    assert result.effect == pytest.approx(1.0)  # ln 2 over a sd of ln 2


def test_a_difference_stays_on_the_transformed_scale(make_claim):
    result = judge(make_claim(greater(on="log")), Evidence(((2.0, 1.0), (4.0, 2.0), (8.1, 4.0))))
    assert result.estimate == pytest.approx((2 * math.log(2.0) + math.log(8.1 / 4)) / 3)


def test_pairing_by_seed_is_what_decides(make_claim):
    """A spread between seeds of 1 and a difference of .1 +- .01."""
    seeds = (0.0, 1.0, 2.0, -1.0, 0.5)
    a = tuple(s + 0.1 + e for s, e in zip(seeds, (0.01, -0.01, 0.0, 0.01, -0.01), strict=True))
    assert judge(make_claim(greater()), Evidence(tuple(zip(a, seeds, strict=True)))).verdict == "supported"


def test_levels_by_kind(make_claim):
    levels = {b.kind: judge(make_claim(b), Evidence(TIGHT)).ci_level for b in (below(1), above(1), equivalent(0, 1), differs(0))}
    assert levels == pytest.approx({"below": 0.9, "above": 0.9, "equivalent": 0.9, "differs": 0.95})
    assert judge(make_claim(below(1)), Evidence(TIGHT), method="sequence").ci_level == pytest.approx(0.95)
    assert judge(make_claim(below(1), alpha=0.01), Evidence(TIGHT)).ci_level == pytest.approx(0.98)
    assert judge(make_claim(below(1)), Evidence(TIGHT), alpha=0.005).ci_level == pytest.approx(0.99)


# -- reasons


@pytest.mark.parametrize("values", [(0.5, None, 0.5), (0.5, math.nan, 0.5), (0.5, math.inf, 0.5)], ids=str)
def test_one_non_finite_replicate_is_enough(make_claim, values):
    result = judge(make_claim(below(1.0)), Evidence(values))
    assert (result.verdict, result.reason) == ("inconclusive", "non-finite")
    assert result.detail == "1 of 3 replicates are not finite"
    assert (result.estimate, result.ci_low, result.p, result.effect, result.mde) == (None,) * 5


def test_a_value_outside_the_domain_is_non_finite(make_claim):
    result = judge(make_claim(below(1.0, on="log")), Evidence((0.5, 0.0, 0.5)))
    assert (result.reason, result.detail) == ("non-finite", "1 of 3 replicates are not finite or outside the domain of log")
    assert judge(make_claim(greater(on="log")), Evidence(((1.0, 0.0), (1.0, 1.0)))).reason == "non-finite"


APART = NoMatch("sft and rlvr cannot be matched on gain: 0.310 against 0.400.")
FARTHER = NoMatch("sft and rlvr cannot be matched on gain: 0.200 against 0.400.")


@pytest.mark.parametrize("bound", [below(1.0), below(1.0, on="log"), greater(), fraction(0.5), exact()], ids=lambda b: b.text())
def test_one_unmatched_replicate_is_enough_and_the_first_says_by_how_much(make_claim, bound):
    """The seeds that could be matched would be a selection, however clear they are."""
    value = (2.0, 1.0) if bound.kind == "greater" else 1.0
    result = judge(make_claim(bound), Evidence((value, APART, value, FARTHER, value)))
    assert (result.verdict, result.reason, result.n) == ("inconclusive", "unmatched", 3)
    assert result.detail == f"unmatched: {APART.says}"
    figures = (result.estimate, result.ci_low, result.ci_high, result.ci_level, result.p, result.effect, result.mde)
    assert (*figures, result.n_to_settle) == (None,) * 8


def test_no_replicate_could_be_matched(make_claim):
    result = judge(make_claim(below(1.0)), Evidence((APART,)))
    assert (result.reason, result.n, result.estimate) == ("unmatched", 0, None)


def test_one_seed_only(make_claim):
    result = judge(make_claim(below(1.0)), Evidence((0.5,)))
    assert (result.verdict, result.reason) == ("inconclusive", "n too small")
    assert result.detail == "1 replicate, but it takes at least 2"
    assert result.estimate == 0.5 and result.ci_low is None and result.ci_high is None and result.p is None


def test_no_seed_at_all(make_claim):
    for bound in (below(1.0), exact(), fraction(0.5)):
        result = judge(make_claim(bound), Evidence(()))
        assert (result.verdict, result.reason, result.n, result.estimate) == ("inconclusive", "n too small", 0, None)


def test_fewer_seeds_than_the_claim_asks_for(make_claim):
    result = judge(make_claim(below(1.0), seeds=6), Evidence(TIGHT))
    assert (result.reason, result.n_to_settle, result.p) == ("n too small", 6, None)
    assert result.ci_high < 1.0
    assert judge(make_claim(below(1.0), seeds=5), Evidence(TIGHT)).verdict == "supported"


def test_the_sequence_decides_nothing_before_the_fifth_seed(make_claim):
    claim = make_claim(below(1.0))
    assert judge(claim, Evidence(TIGHT[:4]), method="sequence").reason == "n too small"
    assert judge(claim, Evidence(TIGHT), method="sequence").verdict == "supported"


def test_an_infinite_sequence_interval_is_n_too_small_not_straddling(make_claim):
    """At alpha / 40 the sequence is still infinitely wide at n = 5."""
    result = judge(make_claim(below(1.0)), Evidence(TIGHT), alpha=0.05 / 40, method="sequence")
    assert (result.reason, result.ci_low, result.ci_high) == ("n too small", None, None)
    assert result.n_to_settle > 5


def test_straddling_says_how_many_would_settle_it(make_claim):
    result = judge(make_claim(below(1.0)), Evidence((0.4, 1.1, 0.7, 1.3, 0.6)))
    assert (result.reason, result.ci_low < 1.0 < result.ci_high) == ("straddles", True)
    assert result.n_to_settle > 5 and result.detail.endswith("straddles < 1")


def test_five_of_five_cannot_support_four_fifths(make_claim):
    result = judge(make_claim(fraction(0.8)), Evidence((True,) * 5))
    assert (result.reason, result.n_to_settle, result.mde) == ("n too small", 14, None)
    assert result.estimate == 1.0 and result.ci_low == pytest.approx(0.05**0.2)


# -- no spread


@pytest.mark.parametrize(
    ("bound", "value", "verdict"),
    [
        (below(1.0, on="log"), 0.9, "supported"),
        (below(1.0), 1.0, "refuted"),
        (above(0.0), 0.0, "refuted"),
        (above(0.0), 1e-12, "supported"),
        (equivalent(0.1, 0.5), 0.1, "supported"),
        (equivalent(0.1, 0.5, on="log"), 0.5, "supported"),
        (differs(0.0), 0.0, "refuted"),
        (differs(0.1), 0.1, "refuted"),
        (greater(), (0.3, 0.3), "refuted"),
        (greater(-0.1), (0.3, 0.3), "supported"),
    ],
    ids=lambda v: v.text() if hasattr(v, "text") else str(v),
)
def test_equal_replicates_are_decided_by_the_point(make_claim, bound, value, verdict):
    result = judge(make_claim(bound), Evidence((value,) * 5))
    assert result.verdict == verdict
    assert result.ci_low == result.ci_high == result.estimate and result.p == (0.0 if verdict == "supported" else 1.0)
    assert result.effect is None and result.mde is None
    assert result.sign_flip_p >= 1 / 32 and "all 5 replicates are equal" in result.detail


# -- controls


@pytest.fixture
def controlled(make_claim):
    return make_claim(below(1.0), null="isotropic", plant="principal_block", floor=swap(rlvr="rlvr_twin"))


def evidence(values=TIGHT, null=HIGH, plant=TIGHT, floor=(0.01,) * 5):
    return Evidence(values, nulls={"isotropic": null}, plants={"principal_block": plant}, floor=floor)


def test_controls_that_behave_leave_the_verdict(controlled):
    result = judge(controlled, evidence())
    assert result.verdict == "supported"
    assert (result.null_name, result.null_verdict, result.null_estimate) == ("isotropic", "refuted", pytest.approx(2.0))
    assert (result.plant_name, result.plant_verdict, result.plant_estimate) == ("principal_block", "supported", pytest.approx(0.5))
    assert result.null_low < 2.0 < result.null_high and result.noise_floor == pytest.approx(0.01)


def test_a_null_inside_the_bound_explains_it(controlled):
    result = judge(controlled, evidence(null=shifted(TIGHT, 0.2)))
    assert (result.verdict, result.reason, result.null_verdict) == ("inconclusive", "null explains it", "supported")
    assert result.detail.startswith("the null isotropic satisfies the bound too: 0.7 [") and result.n_to_settle is None


def test_a_null_that_cannot_be_told_from_the_claim_explains_it(controlled):
    """The claim is just inside the bound, the null just outside of certainty: no difference between them is shown."""
    real = (0.90, 0.99, 0.86, 0.97, 0.92)
    fake = (1.02, 0.94, 0.99, 0.88, 1.05)
    result = judge(controlled, evidence(values=real, null=fake, floor=(0.0,) * 5))
    assert (result.null_verdict, result.reason) == ("inconclusive", "null explains it")
    assert "cannot be told from it" in result.detail
    assert judge(dataclasses.replace(controlled, nulls=(), no_null="x"), dataclasses.replace(evidence(real), nulls={})).verdict == "supported"


def test_the_null_is_paired_with_the_claim_seed_by_seed(controlled):
    """The same numbers in another order: seed by seed the null is .3 higher, as two heaps they overlap."""
    real = (0.3, 0.9, 0.6, 0.8, 0.5)
    fake = shifted(real, 0.3)
    assert judge(controlled, evidence(real, null=fake)).verdict == "supported"
    assert judge(controlled, evidence(real, null=(fake[1], fake[4], fake[3], fake[0], fake[2]))).reason == "null explains it"


def test_a_null_beyond_the_claim_on_the_wrong_side_does_not_help(make_claim):
    """Told apart means: towards the claim's side."""
    from harness.claims.control_check import _told_apart
    from harness.claims.samples import Scores

    claim = make_claim(below(1.0), null="isotropic")
    real, lower = Scores.of(claim.bound, TIGHT), Scores.of(claim.bound, shifted(TIGHT, -0.2))
    assert not _told_apart(claim, real, lower, "t") and _told_apart(claim, lower, real, "t")


def test_a_null_does_not_matter_to_a_refutation(controlled):
    assert judge(controlled, evidence(values=HIGH, null=HIGH)).verdict == "refuted"


def test_a_null_that_must_be_refuted(make_claim):
    claim = make_claim(below(1.0), null=null("isotropic", must="refuted"))
    result = judge(claim, Evidence(TIGHT, nulls={"isotropic": (0.6, 2.4, 0.7, 2.2, 1.1)}))
    assert (result.reason, result.null_verdict) == ("control failed", "inconclusive")
    assert judge(claim, Evidence(TIGHT, nulls={"isotropic": HIGH})).verdict == "supported"


@pytest.mark.parametrize("values", [TIGHT, HIGH, WIDE], ids=["supported", "refuted", "inconclusive"])
def test_a_plant_that_is_not_found_leaves_no_verdict(controlled, values):
    result = judge(controlled, evidence(values=values, plant=HIGH))
    assert (result.verdict, result.reason, result.plant_verdict) == ("inconclusive", "control failed", "refuted")
    assert result.detail.startswith("the plant principal_block must be supported but is refuted: 2 [")


def test_a_plant_of_the_opposite(make_claim):
    claim = make_claim(below(1.0), plant=plant("scaled_spectrum", must="refuted"))
    assert judge(claim, Evidence(TIGHT, plants={"scaled_spectrum": HIGH})).verdict == "supported"
    assert judge(claim, Evidence(TIGHT, plants={"scaled_spectrum": TIGHT})).reason == "control failed"


@pytest.mark.parametrize(
    ("series", "sentence"),
    [
        ((0.5, math.nan, 0.5, 0.5, 0.5), "is not finite in 1 of 5 replicates"),
        ((0.5, 0.5), "was measured on 2 of 5 replicates"),
        ((), "was measured on 0 of 5 replicates"),
    ],
    ids=["nan", "short", "empty"],
)
@pytest.mark.parametrize("role", ["null", "plant", "floor"])
def test_a_broken_control_fails(controlled, role, series, sentence):
    result = judge(controlled, evidence(**{role: series}))
    assert (result.verdict, result.reason) == ("inconclusive", "control failed")
    assert sentence in result.detail


@pytest.mark.parametrize(
    ("role", "label"), [("null", "isotropic"), ("plant", "principal_block"), ("floor", "swap(rlvr=rlvr_twin)")], ids=str
)
@pytest.mark.parametrize("values", [TIGHT, HIGH], ids=["supported", "refuted"])
def test_a_control_that_could_not_be_matched_fails_and_says_by_how_much(controlled, role, label, values):
    series = (*dict(null=HIGH, plant=TIGHT, floor=(0.01,) * 5)[role][:4], APART)
    result = judge(controlled, evidence(values, **{role: series}))
    assert (result.verdict, result.reason, result.n) == ("inconclusive", "control failed", 5)
    assert f"{label} is unmatched in 1 of 5 replicates: {APART.says}" in result.detail


def test_a_declared_control_that_was_not_measured_fails(controlled):
    assert judge(controlled, Evidence(TIGHT)).reason == "control failed"
    result = judge(controlled, evidence(floor=None))
    assert (result.reason, result.detail) == ("control failed", "the noise floor swap(rlvr=rlvr_twin) was not measured")


def test_a_noise_floor_that_was_not_measured_takes_a_decision_away_and_hides_no_other_reason(controlled):
    reasons = {
        "control failed": evidence(values=HIGH, floor=None),
        "straddles": evidence(values=WIDE, floor=None),
        "null explains it": evidence(null=TIGHT, floor=None),
    }
    assert {reason: judge(controlled, each).reason for reason, each in reasons.items()} == {reason: reason for reason in reasons}


def test_measured_controls_that_are_not_declared_are_an_error(make_claim):
    claim = make_claim(below(1.0))
    with pytest.raises(SpecError, match="has no null called 'isotropic'"):
        judge(claim, Evidence(TIGHT, nulls={"isotropic": HIGH}))
    with pytest.raises(SpecError, match="declares no noise floor"):
        judge(claim, Evidence(TIGHT, floor=(0.1,) * 5))


def test_controls_are_judged_at_the_claims_own_alpha(make_claim):
    """Holm makes the claim's interval wider, never the controls'."""
    claim = make_claim(below(1.0), null="isotropic")
    near = (0.9, 0.95, 0.99, 0.93, 0.97)
    result = judge(claim, Evidence(TIGHT, nulls={"isotropic": near}), alpha=1e-4)
    assert (result.verdict, result.null_verdict, result.reason) == ("inconclusive", "supported", "null explains it")


def test_the_null_shown_is_the_one_that_decides_or_the_nearest(make_claim):
    claim = make_claim(below(1.0), null=("isotropic", "coherent_sign"))
    both = {"isotropic": HIGH, "coherent_sign": shifted(HIGH, -0.5)}
    assert judge(claim, Evidence(TIGHT, nulls=both)).null_name == "coherent_sign"
    both = {"isotropic": shifted(TIGHT, 0.2), "coherent_sign": HIGH}
    result = judge(claim, Evidence(TIGHT, nulls=both))
    assert (result.null_name, result.reason) == ("isotropic", "null explains it")


# -- noise floor


def test_an_estimate_within_the_floor_of_its_limit_is_no_finding(controlled):
    result = judge(controlled, evidence(floor=(0.6, 0.5, -0.6, 0.55, 0.6)))
    assert (result.verdict, result.reason) == ("inconclusive", "below noise floor")
    assert result.noise_floor == pytest.approx(math.sqrt((3 * 0.36 + 0.25 + 0.3025) / 5))
    assert "0.5 from its limit, less than the noise floor 0.571" in result.detail
    assert judge(controlled, evidence(values=shifted(HIGH, -0.5), floor=(0.6,) * 5)).reason == "below noise floor"


def test_the_floor_lives_on_the_judged_scale(make_claim):
    """A factor of 2 between claim and limit, a factor of 1.5 or 3 between twins."""
    claim = make_claim(below(1.0, on="log"), floor=swap(rlvr="rlvr_twin"))
    for factor, verdict in ((1.5, "supported"), (3.0, "inconclusive")):
        assert judge(claim, Evidence(TIGHT, floor=(math.log(factor),) * 5)).verdict == verdict


def test_reasons_come_in_their_order(controlled):
    broken = dict(null=TIGHT, plant=HIGH, floor=(9.0,) * 5)
    assert judge(controlled, evidence(values=(APART, None), null=(1, 1), plant=(APART, 1), floor=(None, 1))).reason == "unmatched"
    assert judge(controlled, evidence(values=(0.5, None), null=(1, 1), plant=(APART, 1), floor=(1, 1))).reason == "non-finite"
    assert judge(dataclasses.replace(controlled, seeds=9), evidence(**broken)).reason == "n too small"
    assert judge(controlled, evidence(**broken)).reason == "control failed"
    assert judge(controlled, evidence(values=WIDE, **(broken | {"plant": TIGHT}))).reason == "straddles"
    assert judge(controlled, evidence(**(broken | {"plant": TIGHT}))).reason == "null explains it"
    assert judge(controlled, evidence(**(broken | {"plant": TIGHT, "null": HIGH}))).reason == "below noise floor"


# -- exact and fraction


@pytest.mark.parametrize(
    ("bound", "values", "verdict", "estimate"),
    [
        (exact(), (True, True), "supported", 1.0),
        (exact(), (True, False, True), "refuted", 0.0),
        (exact(), (True,), "supported", 1.0),
        (exact(equals=0), (0, 0, 3, 1), "refuted", 3.0),
        (exact(equals=0.5), (0.5, 0.5), "supported", 0.5),
    ],
    ids=str,
)
def test_exact_claims_need_no_statistics(make_claim, bound, values, verdict, estimate):
    result = judge(make_claim(bound), Evidence(values))
    assert (result.verdict, result.estimate, result.method, result.n) == (verdict, estimate, "exact", len(values))
    assert (result.p, result.ci_low, result.ci_high, result.ci_level, result.mde, result.effect) == (None,) * 6


def test_exact_details(make_claim):
    assert judge(make_claim(exact()), Evidence((True, False, True))).detail == "broken in 1 of 3 replicates"
    assert judge(make_claim(exact()), Evidence((True, math.nan))).reason == "non-finite"
    assert judge(make_claim(exact(), seeds=3), Evidence((True, True))).reason == "n too small"
    assert judge(make_claim(exact(), seeds=3), Evidence((True,) * 3)).detail == "holds in all 3 replicates"


def test_the_null_of_an_exact_claim_must_break_it_every_time(make_claim):
    claim = make_claim(exact(), null="isotropic", plant="principal_block")
    good = {"principal_block": (True, True)}

    def reason(null, plant=(True, True)):
        return judge(claim, Evidence((True, True), nulls={"isotropic": null}, plants=good | {"principal_block": plant})).reason

    assert reason((False, False)) == ""
    assert reason((False, True)) == reason((True, True)) == "null explains it"
    assert reason((False, False), plant=(True, False)) == "control failed"
    assert reason((False, math.nan)) == "control failed"


def test_the_null_of_a_share_is_told_apart_by_the_seeds_that_disagree(make_claim):
    claim = make_claim(fraction(0.5), null="isotropic")

    def judged(null):
        return judge(claim, Evidence((True,) * 5, nulls={"isotropic": null}))

    assert judged((False,) * 5).verdict == "supported"  # 5 of 5 disagree: p = 1/32
    assert judged((False,) * 4 + (True,)).reason == "null explains it"  # 4 of 4: p = 1/16
    assert judged((True,) * 5).null_verdict == "supported"


def test_the_plant_of_a_share_is_found_when_it_is_always_true(make_claim):
    """5 of 5 cannot support "at least .8", and cannot be better either."""
    claim = make_claim(fraction(0.8), plant="principal_block")
    assert judge(claim, Evidence((False,) * 5, plants={"principal_block": (True,) * 5})).verdict == "refuted"
    missed = Evidence((False,) * 5, plants={"principal_block": (True, True, False, True, True)})
    assert judge(claim, missed).reason == "control failed"


# -- calling


def test_a_stored_spec_is_judged_like_the_claim(controlled):
    restored = Claim.from_spec(json.loads(json.dumps(controlled.spec())))
    assert judge(restored, evidence()) == judge(controlled, evidence())


@pytest.mark.parametrize("method", ["t", "sequence"])
@pytest.mark.parametrize(
    "bound", [below(1.0, on="log"), equivalent(0.1, 1), differs(0.1), fraction(0.5), exact()], ids=lambda b: b.text()
)
def test_a_verdict_is_plain_python_and_json(make_claim, bound, method):
    values = (True,) * 6 if bound.kind in ("fraction", "exact") else (*TIGHT, 0.505)
    result = dataclasses.asdict(judge(make_claim(bound), Evidence(values), method=method))
    assert {type(value) for value in result.values()} <= {str, int, float, type(None)}
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_numpy_values_are_taken(make_claim):
    import numpy as np

    assert judge(make_claim(below(1.0)), Evidence(np.array(TIGHT))) == judge(make_claim(below(1.0)), Evidence(TIGHT))


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [({"method": "seqence"}, "unknown method 'seqence': did you mean 'sequence'"), ({"alpha": 0.6}, "alpha lies between")],
    ids=["method", "alpha"],
)
def test_wrong_calls(make_claim, kwargs, sentence):
    with pytest.raises(SpecError, match=sentence):
        judge(make_claim(below(1.0)), Evidence(TIGHT), **kwargs)


def test_values_that_do_not_suit_the_bound(make_claim):
    with pytest.raises(SpecError, match="one number per replicate"):
        judge(make_claim(below(1.0)), Evidence(((1.0, 2.0), (1.0, 2.0))))
    with pytest.raises(SpecError, match="True or False"):
        judge_family([(make_claim(fraction(0.5)), Evidence((0.5, 0.7)))])


def test_the_package_exports_the_function():
    assert judge is judge_module_function
