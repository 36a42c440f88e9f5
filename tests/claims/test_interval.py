import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from harness.claims.bounds import below, differs, equivalent
from harness.claims.interval import TSample, mean_and_sd, t_quantile
from harness.claims.tost import region_p

SAMPLES = [np.random.default_rng(n).normal(0.3, 1.0, n).tolist() for n in (2, 3, 5, 8, 30)]


@pytest.mark.parametrize("values", SAMPLES, ids=lambda v: f"n={len(v)}")
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12, 1e-5])
def test_interval_and_p_match_statsmodels(values, alpha):
    sample, oracle = TSample.of(values), DescrStatsW(values)
    low, high, level = sample.interval(alpha)
    assert (low, high) == pytest.approx(oracle.tconfint_mean(alpha=2 * alpha), rel=1e-9)
    assert sample.interval(alpha, sides=2)[:2] == pytest.approx(oracle.tconfint_mean(alpha=alpha), rel=1e-9)
    assert level == pytest.approx(1 - 2 * alpha) and sample.interval(alpha, sides=2).level == pytest.approx(1 - alpha)
    assert sample.p_above(0.1) == pytest.approx(oracle.ttest_mean(0.1, "larger")[1], rel=1e-9)
    assert sample.p_below(0.1) == pytest.approx(oracle.ttest_mean(0.1, "smaller")[1], rel=1e-9)


@pytest.mark.parametrize("dof", [1, 2, 4, 29, 1000])
@pytest.mark.parametrize("tail", [0.25, 0.05, 1e-3, 1e-6])
def test_quantile_matches_scipy_stats(tail, dof):
    assert t_quantile(tail, dof) == pytest.approx(stats.t.isf(tail, dof), rel=1e-8)


@pytest.mark.parametrize("values", SAMPLES[1:], ids=lambda v: f"n={len(v)}")
def test_tost_matches_statsmodels(values):
    """ttost_paired on (x, 0) is the TOST of x."""
    from statsmodels.stats.weightstats import ttost_paired

    bound = equivalent(-0.8, 1.3)
    p = region_p(TSample.of(values), bound.support())
    assert p == pytest.approx(ttost_paired(np.array(values), np.zeros(len(values)), -0.8, 1.3)[0], rel=1e-9)


@pytest.mark.parametrize("bound", [below(0.4), equivalent(-0.2, 0.9), differs(0.25)], ids=lambda b: b.text())
@pytest.mark.parametrize("values", SAMPLES, ids=lambda v: f"n={len(v)}")
def test_p_is_the_alpha_at_which_the_interval_reaches_the_limit(bound, values):
    sample = TSample.of(values)
    for segments in (bound.support(), bound.refute()):
        p = region_p(sample, segments, bound.sides)
        for alpha, inside in ((p * 1.0001, True), (p * 0.9999, False)):
            if alpha >= 0.5:
                continue
            low, high, _ = sample.interval(alpha, bound.sides)
            assert any(segment.holds(low, high) for segment in segments) is inside


def test_equal_values_have_their_value_as_interval_at_every_level():
    """Rounding must not invent a spread: the mean of ten 0.1 in floats is not 0.1."""
    sample = TSample.of([0.1] * 10)
    assert (sample.mean, sample.sd) == (0.1, 0.0) and sum([0.1] * 10) / 10 != 0.1
    assert sample.interval(1e-9)[:2] == (0.1, 0.1)


def test_a_shift_leaves_the_spread():
    """Two-pass sums: 1e9 added to the values changes nothing but the mean."""
    values = [0.0, 0.25, 0.5, 0.75]
    assert mean_and_sd([x + 1e9 for x in values])[1] == pytest.approx(mean_and_sd(values)[1], rel=1e-12)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 replicates"):
        TSample.of([1.0])


@pytest.mark.parametrize("n", [2, 5, 10])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_coverage_is_nominal(n, alpha, R=2000):
    rng = np.random.default_rng([n, int(alpha * 1e4)])
    level = 1 - 2 * alpha
    covered = sum(
        low <= 0.7 <= high for low, high, _ in (TSample.of(x).interval(alpha) for x in rng.normal(0.7, 2.0, (R, n)).tolist())
    )
    assert abs(covered / R - level) <= 3 * math.sqrt(level * (1 - level) / R)


def test_lognormal_replicates_are_covered_on_the_log_only(R=2000):
    """.81 on the raw scale at n = 5, nominal on the log: why ratios are judged there."""
    x = np.random.default_rng(0).lognormal(0.0, 1.0, (R, 5))
    raw = np.mean([low <= math.exp(0.5) <= high for low, high, _ in (TSample.of(v).interval(0.025) for v in x.tolist())])
    log = np.mean([low <= 0.0 <= high for low, high, _ in (TSample.of(v).interval(0.025) for v in np.log(x).tolist())])
    assert raw < 0.86 and abs(log - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / R)
