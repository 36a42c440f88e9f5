import math

import numpy as np
import pytest
from scipy import integrate, stats

from harness.claims.sequence import ShareSequence, TSequence, half_width


@pytest.mark.parametrize(
    ("g", "n", "width"),
    [
        *[(1.0, n, w) for n, w in ((3, math.inf), (4, math.inf), (5, 3.78), (8, 1.50), (10, 1.22), (20, 0.77), (60, 0.43))],
        *[(10.0, n, w) for n, w in ((3, 7.63), (4, 3.27), (5, 2.42), (8, 1.56), (10, 1.32), (20, 0.85), (60, 0.48))],
    ],
)
def test_half_width_in_sd(g, n, width):
    """The table of research/engineering.md 3.1."""
    assert half_width(n, 0.05, g) == pytest.approx(width, abs=0.0051)


@pytest.mark.parametrize("n", [5, 9, 30])
def test_p_is_one_over_the_bayes_factor_of_the_mixture(n):
    """Brute force: t with noncentrality delta sqrt(n), delta ~ N(0, 1), integrated numerically."""
    x = np.random.default_rng(n).normal(0.6, 1.0, n).tolist()
    sample = TSequence.of(x)
    t = math.sqrt(n) * sample.mean / sample.sd
    mixed, _ = integrate.quad(
        lambda d: stats.nct.pdf(t, n - 1, d * math.sqrt(n)) * stats.norm.pdf(d), -6.0, 6.0, points=[0.0], limit=200
    )
    assert sample.p_above(0.0) == pytest.approx(min(1.0, stats.t.pdf(t, n - 1) / mixed), rel=1e-4)


@pytest.mark.parametrize("n", [5, 8, 30])
def test_p_is_the_alpha_at_which_the_interval_ends(n):
    sample = TSequence.of(np.random.default_rng(n).normal(2.0, 1.0, n).tolist())
    p = sample.p_above(0.0)
    assert p < 0.5 and sample.p_below(0.0) == 1.0
    assert sample.interval(p * 1.0001).low > 0.0 > sample.interval(p * 0.9999).low
    assert sample.interval(0.05).level == 0.95


def test_equal_values_have_their_value_as_interval():
    assert TSequence.of([0.5] * 6).interval(0.05)[:2] == (0.5, 0.5)


LOOKS = np.arange(5, 31)


def _ever_excludes(x, width):
    """Whether any look lies below 0, and whether any excludes it; x is (R, 30), width(n) in sd."""
    mean = np.cumsum(x, 1)[:, LOOKS - 1] / LOOKS
    sd = np.sqrt((np.cumsum(x**2, 1)[:, LOOKS - 1] - LOOKS * mean**2) / (LOOKS - 1))
    half = sd * [width(n) for n in LOOKS.tolist()]
    return (mean + half < 0.0).any(1), (np.abs(mean) > half).any(1)


def test_peeking_from_5_to_30_is_paid_for(R=20_000):
    """At the limit itself: ever-support <= alpha / 2 on one side and ever-miss <= alpha; the repeated t interval fails both."""
    x = np.random.default_rng(0).normal(0.0, 1.0, (R, 30))
    support, miss = _ever_excludes(x, lambda n: half_width(n, 0.05))
    assert support.mean() <= 0.025 and miss.mean() <= 0.05
    repeated, _ = _ever_excludes(x, lambda n: stats.t.isf(0.05, n - 1) / math.sqrt(n))
    assert repeated.mean() > 0.12


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 7), (18, 20)])
def test_share_p_is_one_over_the_bayes_factor_of_the_uniform_mixture(k, n):
    sample, p0 = ShareSequence(k, n), 0.6
    mixed, _ = integrate.quad(lambda p: stats.binom.pmf(k, n, p), 0.0, 1.0)
    expected = min(1.0, stats.binom.pmf(k, n, p0) / mixed)
    assert (sample.p_above if k / n > p0 else sample.p_below)(p0) == pytest.approx(expected, rel=1e-9)
    assert (sample.p_below if k / n > p0 else sample.p_above)(p0) == 1.0


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 7), (18, 20)])
def test_share_interval_ends_where_p_is_alpha(k, n):
    sample = ShareSequence(k, n)
    low, high, level = sample.interval(0.05)
    assert level == 0.95 and 0.0 <= low <= k / n <= high <= 1.0
    if low > 0.0:
        assert sample.p_above(low) == pytest.approx(0.05, rel=1e-6)
    if high < 1.0:
        assert sample.p_below(high) == pytest.approx(0.05, rel=1e-6)
    assert (low == 0.0) == (k == 0) and (high == 1.0) == (k == n)


def test_share_peeking_is_paid_for(R=5000):
    x = np.random.default_rng(1).random((R, 30)) < 0.7
    k = np.cumsum(x, 1)
    lowest = {n: min((j for j in range(n + 1) if ShareSequence(j, n).p_above(0.7) <= 0.05), default=n + 1) for n in range(5, 31)}
    ever = np.any([k[:, n - 1] >= lowest[n] for n in lowest], axis=0)
    assert ever.mean() <= 0.05
