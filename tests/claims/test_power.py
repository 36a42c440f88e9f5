import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from harness.claims import power
from harness.claims.bounds import Segment
from harness.claims.interval import TSample
from harness.claims.sequence import ShareSequence

AT_LEAST_ZERO = Segment(0.0, math.inf, False)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
@pytest.mark.parametrize("effect", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("tail", [0.05, 0.005])
def test_one_sided_power_matches_statsmodels(n, effect, tail):
    ours = power.chance_inside(effect, 1.0, n, 0.0, math.inf, tail)
    assert ours == pytest.approx(TTestPower().power(effect, n, tail, alternative="larger"), abs=2e-4)


@pytest.mark.parametrize(
    ("margin", "n", "percent"),
    [(0.5, 3, 2), (0.5, 20, 40), (0.5, 40, 86), (1, 3, 12), (1, 5, 29), (1, 10, 79), (1.5, 5, 73), (2, 3, 56), (3, 3, 88)],
)
def test_equivalence_power_matches_the_measured_table(margin, n, percent):
    """research/engineering.md 3.1, simulated there; rounded to a percent."""
    assert 100 * power.chance_inside(0.0, 1.0, n, -margin, margin, 0.05) == pytest.approx(percent, abs=1.6)


def test_equivalence_power_off_centre_by_simulation(R=20_000):
    x = np.random.default_rng(0).normal(0.4, 2.0, (R, 6))
    half = stats.t.isf(0.05, 5) * x.std(1, ddof=1) / math.sqrt(6)
    inside = np.mean((x.mean(1) - half > -2.0) & (x.mean(1) + half < 3.0))
    assert power.chance_inside(0.4, 2.0, 6, -2.0, 3.0, 0.05) == pytest.approx(inside, abs=0.011)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
def test_detectable_effect_inverts_power(n):
    """statsmodels' own solver has no brackets at n = 2, so power is checked at the answer."""
    effect = power.detectable_effect(n, 0.05)
    assert TTestPower().power(effect, n, 0.05, alternative="larger") == pytest.approx(0.8, abs=5e-4)
    margin = power.detectable_margin(n, 0.05)
    assert power.chance_inside(0.0, 1.0, n, -margin, margin, 0.05) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("effect", [0.2, 0.5, 1.0, 2.0])
def test_n_to_settle_matches_statsmodels(effect):
    exact = TTestPower().solve_power(effect, alpha=0.05, power=0.8, alternative="larger")
    assert power.n_to_settle(effect, 1.0, AT_LEAST_ZERO, 0.05) == math.ceil(exact)
    assert power.n_to_settle(10 * effect, 10.0, AT_LEAST_ZERO, 0.05) == math.ceil(exact)


def test_n_to_settle_starts_where_it_is_told_and_ends_at_the_most():
    assert power.n_to_settle(5.0, 1.0, AT_LEAST_ZERO, 0.05, start=7) == 7
    assert power.n_to_settle(1e-3, 1.0, AT_LEAST_ZERO, 0.05) is None
    assert power.n_to_settle(-1.0, 1.0, AT_LEAST_ZERO, 0.05) is None
    assert power.n_to_settle(0.0, 1.0, AT_LEAST_ZERO, 0.05) is None
    assert power.n_to_settle(1.0, 0.0, AT_LEAST_ZERO, 0.05) is None
    most = power.n_to_settle(0.025, 1.0, AT_LEAST_ZERO, 0.05)
    assert most is not None and most <= power.MOST


def test_that_many_replicates_do_settle_an_equivalence(R=3000):
    region = Segment(-1.0, 1.0, True)
    n = power.n_to_settle(0.3, 1.5, region, 0.05)
    rates = {}
    for m in (n, n - 1):
        x = np.random.default_rng(m).normal(0.3, 1.5, (R, m)).tolist()
        rates[m] = np.mean([region.holds(*TSample.of(v).interval(0.05)[:2]) for v in x])
    error = 3 * math.sqrt(0.16 / R)
    assert rates[n] >= 0.8 - error and rates[n - 1] <= 0.8 + error


def test_n_to_settle_for_a_sequence_by_simulation(R=3000):
    n = power.n_to_settle_sequence(0.7, 1.0, AT_LEAST_ZERO, 0.05)
    from harness.claims.sequence import half_width

    x = np.random.default_rng(0).normal(0.7, 1.0, (R, n))
    decided = np.mean(x.mean(1) > half_width(n, 0.05) * x.std(1, ddof=1))
    assert decided == pytest.approx(0.8, abs=0.03)
    assert power.n_to_settle_sequence(9.0, 1.0, AT_LEAST_ZERO, 0.05) == 5


def test_share_by_exact_binomials():
    assert power.n_to_settle_share(1.0, 0.8, 0.05, False) == 14  # .8^14 = .044
    assert power.n_to_settle_share(0.0, 0.8, 0.05, False) == 2  # .2^2 = .04
    n = power.n_to_settle_share(0.9, 0.5, 0.05, False)
    k = next(k for k in range(n + 1) if stats.binom.sf(k - 1, n, 0.5) <= 0.05)
    assert stats.binom.sf(k - 1, n, 0.9) >= 0.8
    assert power.n_to_settle_share(0.8, 0.8, 0.05, False) is None


def test_share_of_a_sequence():
    n = power.n_to_settle_share(1.0, 0.8, 0.05, True)
    assert ShareSequence(n, n).p_above(0.8) <= 0.05 < ShareSequence(n - 1, n - 1).p_above(0.8)
    low = power.n_to_settle_share(0.1, 0.8, 0.05, True, start=5)
    assert low >= 5 and ShareSequence(round(0.1 * low), low).p_below(0.8) <= 0.05


def test_detectable_share():
    share = power.detectable_share(20, 0.5, 0.05)
    k = next(k for k in range(21) if stats.binom.sf(k - 1, 20, 0.5) <= 0.05)
    assert stats.binom.sf(k - 1, 20, share) == pytest.approx(0.8)
    assert power.detectable_share(5, 0.8, 0.05) is None
