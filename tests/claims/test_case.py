"""One checkpoint of each arm: inconclusive whatever the value, with a sentence that says what was seen."""

import math

import pytest

from harness.claims import REASONS, Evidence, above, below, exact, fraction, greater, judge, judge_family, null, plant, swap


@pytest.fixture
def controlled(make_claim):
    return make_claim(below(1.0, on="log"), null=("isotropic", "haar"), plant="principal_block", floor=swap(rlvr="rlvr_twin"))


def case(value, isotropic=2.0, haar=0.7, block=0.5, floor=(0.01,)):
    nulls = {"isotropic": (isotropic,), "haar": (haar,)}
    return Evidence((value,), nulls=nulls, plants={"principal_block": (block,)}, floor=floor, case=True)


def test_a_case_tells_the_value_its_nulls_and_its_plant(controlled):
    verdict = judge(controlled, case(0.5))
    assert (verdict.verdict, verdict.reason, verdict.n) == ("inconclusive", "a case", 1)
    assert verdict.reason in REASONS
    assert verdict.detail == (
        "seen once: 0.5 lies inside the bound < 1 (log); the null isotropic gave 2, outside; the null haar gave 0.7, inside too, "
        "without the learning signal; the plant principal_block gave 0.5, inside as it must"
    )
    assert verdict.estimate == pytest.approx(0.5) and verdict.noise_floor == pytest.approx(0.01)
    assert (verdict.null_name, verdict.null_estimate) == ("haar", pytest.approx(0.7))
    assert (verdict.ci_low, verdict.ci_high, verdict.p, verdict.n_to_settle, verdict.method) == (None,) * 5


def test_a_value_outside_is_not_refuted_by_one_case(controlled):
    verdict = judge(controlled, case(3.0))
    assert (verdict.verdict, verdict.reason) == ("inconclusive", "a case")
    assert verdict.detail.startswith(
        "seen once: 3 lies outside the bound < 1 (log); the null isotropic gave 2, outside; the null haar gave 0.7, inside;"
    )


def test_a_plant_that_is_not_found_is_told(controlled, make_claim):
    missed = judge(controlled, case(0.5, block=1.5)).detail
    assert "the plant principal_block gave 1.5, outside: the measure misses what was put in" in missed
    opposite = make_claim(above(0.0), null=null("isotropic", must="refuted"), plant=plant("haar", must="refuted"))
    detail = judge(opposite, Evidence((1.0,), nulls={"isotropic": (-1,)}, plants={"haar": (-2,)}, case=True)).detail
    assert detail.endswith("the null isotropic gave -1, outside; the plant haar gave -2, outside as it must")


def test_what_is_missing_beside_it_is_told(controlled):
    assert judge(controlled, case(0.5, floor=None)).detail.endswith("inside as it must; no noise floor")
    assert "the null isotropic is not finite in 1 of 1 replicates" in judge(controlled, case(0.5, isotropic=math.nan)).detail
    assert judge(controlled, case(0.99, floor=(0.2,))).detail.endswith("it is 0.0101 from its limit, less than the noise floor 0.2")


def test_a_case_without_a_value_keeps_its_own_reason(controlled):
    assert judge(controlled, case(math.nan)).reason == "non-finite"


@pytest.mark.parametrize(
    ("bound", "value", "says"),
    [
        (exact(), True, "1 is what is stated"),
        (exact(equals=0), 3, "3 is not what is stated"),
        (fraction(0.5), True, "1 lies inside the bound true in >= 0.5"),
        (greater(0.1), (2.0, 1.0), "1 lies inside the bound a - b > 0.1"),
    ],
    ids=["kept", "broken", "share", "pair"],
)
def test_every_kind_of_bound_has_cases(make_claim, bound, value, says):
    verdict = judge(make_claim(bound), Evidence((value,), case=True))
    assert (verdict.verdict, verdict.reason, verdict.detail) == ("inconclusive", "a case", f"seen once: {says}")


def test_a_family_of_cases_is_told_one_by_one(controlled, make_claim):
    other = make_claim(above(0.0), id="some-paper/other")
    verdicts = judge_family([(controlled, case(0.5)), (other, Evidence((1.0,), case=True))])
    assert [(each.reason, each.p_adj) for each in verdicts] == [("a case", None)] * 2
