"""Error rates of the judge itself, by seeded simulation: R = 2000 unless said, normal replicates, alpha = .05.

A rate p estimated from R draws has standard error sqrt(p (1 - p) / R): limits are three of them.
"""

import math

import numpy as np
import pytest

from harness.claims import Evidence, above, below, differs, equivalent, fraction, greater, judge, judge_family
from harness.claims.interval import TSample
from harness.claims.samples import place

R = 2000
ALPHA = 0.05


def three_errors(p, draws=R):
    return 3 * math.sqrt(p * (1 - p) / draws)


def rates(make_claim, bound, draws, method="t"):
    verdicts = [judge(make_claim(bound), Evidence(row), method=method).verdict for row in draws]
    return {v: verdicts.count(v) / len(verdicts) for v in ("supported", "refuted", "inconclusive")}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_at_the_limit_false_support_and_false_refutation_are_alpha(make_claim, n):
    """The claim "below 1" when the truth is 1: 5 % each way, 90 % undecided, at every n."""
    rate = rates(make_claim, below(1.0), np.random.default_rng(n).normal(1.0, 0.3, (R, n)))
    for verdict in ("supported", "refuted"):
        assert abs(rate[verdict] - ALPHA) <= three_errors(ALPHA)


BOUNDARY = {
    "above": (above(1.0), 1.0, 0.05),
    "below on the log": (below(1.0, on="log"), None, 0.05),
    "equivalent, wide": (equivalent(0.0, 1.0), 1.0, 0.05),
    "equivalent, hopeless": (equivalent(0.9, 1.0), 1.0, 0.0),
    "differs": (differs(1.0), 1.0, 0.025),
    "differs, no margin": (differs(0.0), 0.0, 0.05),
}


@pytest.mark.parametrize(("bound", "truth", "expected"), BOUNDARY.values(), ids=BOUNDARY)
def test_false_support_at_the_limit_by_kind(make_claim, bound, truth, expected, n=5):
    rng = np.random.default_rng(7)
    draws = rng.lognormal(0.0, 0.5, (R, n)) if truth is None else rng.normal(truth, 0.2, (R, n))
    supported = rates(make_claim, bound, draws)["supported"]
    assert supported <= ALPHA + three_errors(ALPHA)
    assert abs(supported - expected) <= three_errors(max(expected, 0.01))


def test_paired_arms_false_support(make_claim, n=5, draws=10_000):
    """Arms that share a seed effect three times their own noise, and no difference.

    Five times the usual draws: 2000 of this seed gave .033, 3.5 standard errors low, and scipy alone on those draws too.
    """
    rng = np.random.default_rng(8)
    pairs = rng.normal(0.0, 0.3, (draws, n, 1)) + rng.normal(0.0, 0.1, (draws, n, 2))
    rate = rates(make_claim, greater(), pairs.tolist())
    assert abs(rate["supported"] - ALPHA) <= three_errors(ALPHA, draws)


@pytest.mark.parametrize(("truth", "n", "percent"), [(0.5, 3, 60), (0.5, 5, 92), (0.8, 3, 20), (0.8, 5, 35), (0.8, 10, 62)])
def test_true_support_has_the_measured_power(make_claim, truth, n, percent):
    """research/engineering.md 3.1: below(1) at sd .3."""
    rate = rates(make_claim, below(1.0), np.random.default_rng([n, percent]).normal(truth, 0.3, (R, n)))
    assert abs(rate["supported"] - percent / 100) <= three_errors(percent / 100) + 0.005
    assert rate["refuted"] <= 0.01


def test_share_false_support(make_claim, n=8):
    draws = np.random.default_rng(9).random((R, n)) < 0.5
    rate = rates(make_claim, fraction(0.5), draws.tolist())
    assert rate["supported"] <= ALPHA and rate["refuted"] <= ALPHA


def test_mde_is_what_is_found_four_times_in_five(make_claim, n=5, sd=0.3):
    """The figure in the table, averaged over samples, against the rate at a truth that far beyond the limit."""
    rng = np.random.default_rng(10)
    mde = np.mean([judge(make_claim(below(1.0)), Evidence(x)).mde ** 2 for x in rng.normal(1.0, sd, (200, n))]) ** 0.5
    rate = rates(make_claim, below(1.0), rng.normal(1.0 - mde, sd, (R, n)))
    assert rate["supported"] == pytest.approx(0.8, abs=0.05)


# -- families


def family_errors(make_claim, truths, bound, n, seed, method="t", draws=R):
    """Shares of families with a false support, with a false refutation, and of true claims supported."""
    rng = np.random.default_rng(seed)
    claims = [make_claim(bound) for _ in truths]
    false_support = false_refutation = found = 0
    true = [t < 1.0 for t in truths]
    for data in rng.normal(np.array(truths)[:, None], 0.3, (draws, len(truths), n)):
        verdicts = [v.verdict for v in judge_family([(c, Evidence(x)) for c, x in zip(claims, data, strict=True)], method)]
        false_support += any(v == "supported" and not t for v, t in zip(verdicts, true, strict=True))
        false_refutation += any(v == "refuted" and (t or truth == 1.0) for v, t, truth in zip(verdicts, true, truths, strict=True))
        found += sum(v == "supported" and t for v, t in zip(verdicts, true, strict=True))
    return false_support / draws, false_refutation / draws, found / max(1, draws * sum(true))


FAMILIES = {
    "all at the limit": [1.0] * 4,
    "true effects among them": [1.0, 1.0, 0.3, 0.1],
    "false ones among them": [1.0, 1.0, 1.7, 2.0],
    "all kinds": [1.0, 0.3, 0.6, 1.8],
}


@pytest.mark.parametrize("truths", FAMILIES.values(), ids=FAMILIES)
def test_family_wise_error_under_holm(make_claim, truths):
    support, refutation, _ = family_errors(make_claim, truths, below(1.0), n=5, seed=11)
    assert support <= ALPHA + three_errors(ALPHA)
    assert refutation <= ALPHA + three_errors(ALPHA)


def test_without_holm_the_same_family_errs_five_times_as_often(make_claim):
    rng = np.random.default_rng(12)
    wrong = sum(
        any(place(below(1.0), TSample.of(x).interval(ALPHA)) == "supported" for x in family.tolist())
        for family in rng.normal(1.0, 0.3, (R, 6, 5))
    )
    assert wrong / R > 0.2


def test_holm_still_finds_true_effects(make_claim):
    _, _, found = family_errors(make_claim, [1.0, 1.0, 1.0, 0.1, 0.1, 0.1], below(1.0), n=5, seed=13, draws=500)
    assert found > 0.85


def test_correlated_claims_of_one_family(make_claim):
    """Claims of a paper share their seeds; Holm asks for no independence."""
    rng = np.random.default_rng(14)
    claims = [make_claim(below(1.0)) for _ in range(4)]
    wrong = 0
    for shared, own in zip(rng.normal(0.0, 0.27, (R, 1, 5)), rng.normal(0.0, 0.13, (R, 4, 5)), strict=True):
        verdicts = judge_family([(c, Evidence(x)) for c, x in zip(claims, 1.0 + shared + own, strict=True)])
        wrong += any(v.verdict == "supported" for v in verdicts)
    assert wrong / R <= ALPHA + three_errors(ALPHA)


# -- looking again and again


def test_peeking_after_every_seed_with_the_sequence(make_claim, draws=400):
    """Seeds are added one by one and the whole family is judged after each: no false support beyond alpha."""
    rng = np.random.default_rng(15)
    claims = [make_claim(below(1.0)) for _ in range(2)]
    wrong = 0
    for data in rng.normal(1.0, 0.3, (draws, 2, 30)):
        looks = (
            judge_family([(c, Evidence(x[:n])) for c, x in zip(claims, data, strict=True)], "sequence") for n in range(5, 31, 5)
        )
        wrong += any(v.verdict == "supported" for look in looks for v in look)
    assert wrong / draws <= ALPHA


@pytest.mark.parametrize("bound", [below(1.0), equivalent(0.0, 1.0), differs(1.0)], ids=lambda b: b.text())
def test_peeking_by_kind(make_claim, bound, draws=400):
    rng = np.random.default_rng(16)
    claim = make_claim(bound)
    wrong = 0
    for x in rng.normal(1.0, 0.3, (draws, 30)):
        wrong += any(judge(claim, Evidence(x[:n]), method="sequence").verdict == "supported" for n in range(5, 31))
    assert wrong / draws <= ALPHA


# -- controls


def test_a_claim_that_is_nothing_but_its_null_is_never_supported_beyond_alpha(make_claim, n=5):
    """Noise that satisfies the bound: before the null check it is supported always, after it hardly ever."""
    rng = np.random.default_rng(17)
    claim = make_claim(below(1.0), null="isotropic")
    real, null = rng.normal(0.5, 0.1, (2, R, n))
    verdicts = [judge(claim, Evidence(a, nulls={"isotropic": b})) for a, b in zip(real, null, strict=True)]
    assert sum(v.verdict == "supported" for v in verdicts) <= ALPHA * R
    assert sum(v.reason == "null explains it" for v in verdicts) > 0.95 * R


def test_a_null_outside_the_bound_by_chance_does_not_let_the_claim_through(make_claim, n=5):
    """Claim and null have one truth, just inside the limit: support needs a difference that is not there."""
    rng = np.random.default_rng(18)
    claim = make_claim(below(1.0), null="isotropic")
    real, null = rng.normal(0.85, 0.15, (2, R, n))
    supported = sum(
        judge(claim, Evidence(a, nulls={"isotropic": b})).verdict == "supported" for a, b in zip(real, null, strict=True)
    )
    assert supported <= 0.025 * R + three_errors(0.025) * R


def test_a_real_effect_passes_its_null(make_claim, n=5):
    rng = np.random.default_rng(19)
    claim = make_claim(below(1.0), null="isotropic", plant="principal_block")
    draws = zip(rng.normal(0.5, 0.1, (500, n)), rng.normal(1.2, 0.1, (500, n)), rng.normal(0.3, 0.1, (500, n)), strict=True)
    verdicts = [
        judge(claim, Evidence(a, nulls={"isotropic": b}, plants={"principal_block": c})).verdict for a, b, c in draws
    ]
    assert verdicts.count("supported") > 0.97 * 500
