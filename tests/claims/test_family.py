"""Claims judged together: Holm inside, and a table that agrees with itself."""

import dataclasses

import numpy as np
import pytest

from harness.claims import Evidence, NoMatch, above, below, differs, equivalent, exact, fraction, greater, judge, judge_family
from harness.claims.bounds import Bound
from harness.claims.interval import Interval
from harness.claims.samples import place
from harness.errors import SpecError


def on_judged_scale(bound, value):
    return value if bound.paired or value is None else bound.transform.forward(value)


def test_levels_and_p_by_hand(make_claim):
    """p = tiny, tiny, .033: supported at .05/3 and .05/2, the last shown at .05."""
    series = [(0.50, 0.51, 0.49, 0.5, 0.505), (0.6, 0.62, 0.58, 0.6, 0.61), (0.8, 1.0, 0.7, 0.95, 0.9)]
    claims = [make_claim(below(1.0)) for _ in series]
    verdicts = judge_family([(c, Evidence(v)) for c, v in zip(claims, series, strict=True)])
    assert [v.verdict for v in verdicts] == ["supported", "supported", "supported"]
    assert [v.ci_level for v in verdicts] == pytest.approx([1 - 2 * 0.05 / 3, 1 - 2 * 0.05 / 2, 1 - 2 * 0.05])
    assert verdicts[0].p_adj == pytest.approx(3 * verdicts[0].p) and verdicts[2].p_adj == verdicts[2].p


def test_who_counts(make_claim):
    """Exploratory and exact claims do not; one that cannot be judged does, as p = 1."""
    real = (make_claim(below(1.0)), Evidence((0.5, 0.6, 0.55)))
    others = [
        (make_claim(below(1.0), confirmatory=False), Evidence((0.5, 0.6, 0.55))),
        (make_claim(exact()), Evidence((True, True))),
        (make_claim(below(1.0)), Evidence((0.5, None, 0.5))),
        (make_claim(below(1.0)), Evidence((0.5, NoMatch("too far apart"), 0.5))),
    ]
    verdicts = judge_family([real, *others])
    assert verdicts[0].ci_level == pytest.approx(1 - 2 * 0.05 / 3)
    assert verdicts[1] == judge(*others[0]) and verdicts[1].p_adj is None
    assert verdicts[2].verdict == "supported" and verdicts[3].reason == "non-finite" and verdicts[3].p_adj is None
    assert verdicts[4].reason == "unmatched" and verdicts[4].p_adj is None


def test_a_family_of_one_is_the_claim_by_itself(make_claim):
    pair = (make_claim(below(1.0)), Evidence((0.5, 0.6, 0.55)))
    alone = judge(*pair)
    assert judge_family([pair]) == [dataclasses.replace(alone, p_adj=alone.p)]


def test_nothing_and_only_exact(make_claim):
    assert judge_family([]) == []
    assert judge_family([(make_claim(exact()), Evidence((True,)))])[0].verdict == "supported"


def test_one_family_has_one_alpha(make_claim):
    pairs = [(make_claim(below(1.0), alpha=a), Evidence((0.5, 0.6))) for a in (0.05, 0.01)]
    with pytest.raises(SpecError, match="share one alpha"):
        judge_family(pairs)


BOUNDS = [below(1.0), below(1.0, on="log"), above(0.8), equivalent(0.5, 1.5), greater(0.1), differs(0.3), fraction(0.6)]


def random_family(make_claim, rng, size=6):
    pairs = []
    for _ in range(size):
        bound = BOUNDS[rng.integers(len(BOUNDS))]
        n, centre = int(rng.integers(2, 9)), rng.uniform(0.2, 2.0)
        if bound.kind == "fraction":
            values = (rng.random(n) < rng.uniform(0.1, 1.0)).tolist()
        elif bound.kind == "greater":
            values = rng.uniform(0.2, 2.0, (n, 2)).tolist()
        else:
            values = (centre * np.exp(rng.normal(0.0, rng.choice([0.0, 0.02, 0.2]), n))).tolist()
        pairs.append((make_claim(bound), Evidence(values)))
    return pairs


@pytest.mark.parametrize("method", ["t", "sequence"])
def test_table_and_verdict_agree(make_claim, method):
    """The interval as printed, carried back to the judged scale, gives the verdict by the three-way rule."""
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        pairs = random_family(make_claim, rng)
        for (claim, _), verdict in zip(pairs, judge_family(pairs, method), strict=True):
            if verdict.ci_low is None or verdict.ci_high is None or verdict.reason == "n too small":
                continue
            ends = (on_judged_scale(claim.bound, end) for end in (verdict.ci_low, verdict.ci_high))
            assert place(claim.bound, Interval(*ends, verdict.ci_level)) == verdict.verdict, (claim.bound.text(), verdict)
            assert (verdict.verdict == "supported") == (verdict.p_adj <= claim.alpha) or verdict.p in (0.0, 1.0)
            seen.add((claim.bound.kind, verdict.verdict))
    assert {v for _, v in seen} == {"supported", "refuted", "inconclusive"} and len({k for k, _ in seen}) == 6


@pytest.mark.parametrize("method", ["t", "sequence"])
def test_what_the_first_step_decides_stays_decided(make_claim, method):
    """A claim judged while the rest still runs, at alpha / family size, can only become more decided."""
    rng = np.random.default_rng(1)
    decided = 0
    for _ in range(100):
        pairs = random_family(make_claim, rng)
        for (claim, found), final in zip(pairs, judge_family(pairs, method), strict=True):
            early = judge(claim, found, alpha=claim.alpha / len(pairs), method=method)
            if early.verdict != "inconclusive":
                assert final.verdict == early.verdict
                decided += 1
    assert decided > 50


def test_the_order_of_the_claims_cannot_matter(make_claim):
    rng = np.random.default_rng(2)
    for _ in range(30):
        pairs = random_family(make_claim, rng)
        order = rng.permutation(len(pairs))
        straight, mixed = judge_family(pairs), judge_family([pairs[i] for i in order])
        assert [straight[i] for i in order] == mixed


@pytest.mark.parametrize("bound", BOUNDS, ids=Bound.text)
def test_the_sign_of_a_claim_mirrors(make_claim, bound):
    """below(x) on values is above(-x) on minus the values, up to the sign of the figures."""
    values = np.random.default_rng(3).normal(0.9, 0.1, 5)
    low = judge(make_claim(below(1.0)), Evidence(values))
    high = judge(make_claim(above(-1.0)), Evidence(-values))
    assert low.verdict == high.verdict and low.p == pytest.approx(high.p) and low.effect == pytest.approx(high.effect)
    assert (low.ci_low, low.ci_high) == pytest.approx((-high.ci_high, -high.ci_low))
