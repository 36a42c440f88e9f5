import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.claims.clopper_pearson import ShareSample, chance_of_at_least

CASES = [(k, n) for n in (1, 2, 5, 20) for k in sorted({0, 1, n // 2, n})]


@pytest.mark.parametrize(("k", "n"), CASES, ids=[f"{k} of {n}" for k, n in CASES])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_matches_statsmodels_and_scipy(k, n, alpha):
    sample = ShareSample(k, n)
    low, high, level = sample.interval(alpha)
    assert (low, high) == pytest.approx(proportion_confint(k, n, alpha=2 * alpha, method="beta"), rel=1e-9, abs=1e-12)
    assert level == pytest.approx(1 - 2 * alpha)
    assert sample.p_above(0.3) == pytest.approx(stats.binomtest(k, n, 0.3, "greater").pvalue, rel=1e-9)
    assert sample.p_below(0.3) == pytest.approx(stats.binomtest(k, n, 0.3, "less").pvalue, rel=1e-9)


def test_five_of_five_supports_half_and_not_four_fifths():
    assert ShareSample(5, 5).interval(0.05).low == pytest.approx(0.05**0.2)
    assert 0.5 < ShareSample(5, 5).interval(0.05).low < 0.8


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("n", [3, 5, 12])
def test_coverage_is_at_least_nominal_exactly(p, n, alpha=0.05):
    """No simulation: the sum over all outcomes."""
    missed_low = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if ShareSample(k, n).interval(alpha).low > p)
    missed_high = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if ShareSample(k, n).interval(alpha).high < p)
    assert missed_low <= alpha + 1e-12 and missed_high <= alpha + 1e-12


def test_ends_of_the_tail():
    assert chance_of_at_least(0, 5, 0.3) == 1.0 and chance_of_at_least(6, 5, 0.3) == 0.0
