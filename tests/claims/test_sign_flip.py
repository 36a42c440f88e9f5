import itertools
import math

import numpy as np
import pytest
from scipy import stats

from harness.claims.bounds import above, below, differs, equivalent
from harness.claims.sign_flip import DRAWS, bound_sign_flip_p, sign_flip_p


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_all_patterns_by_brute_force(n):
    d = np.random.default_rng(n).normal(0.5, 1.0, n)
    patterns = [sum(s * x for s, x in zip(signs, d, strict=True)) for signs in itertools.product([1, -1], repeat=n)]
    assert sign_flip_p(d) == sum(p >= d.sum() - 1e-12 for p in patterns) / 2**n


def test_matches_scipy_permutation_test():
    d = np.random.default_rng(1).normal(0.4, 1.0, 9)
    oracle = stats.permutation_test(
        (d,), lambda x, axis: x.sum(axis), permutation_type="samples", alternative="greater", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(d) == pytest.approx(oracle.pvalue)


@pytest.mark.parametrize(("n", "floor"), [(3, 1 / 8), (5, 1 / 32), (7, 1 / 128), (8, 1 / 256), (16, 1 / 65536)])
def test_smallest_p_is_the_share_of_one_pattern(n, floor):
    assert sign_flip_p([1.0] * n) == floor
    assert sign_flip_p([0.1 * (i + 1) for i in range(n)]) == floor


def test_no_effect_at_all_is_p_one():
    assert sign_flip_p([0.0] * 5) == 1.0
    assert sign_flip_p([-1.0, -2.0, -3.0]) == 1.0


def test_beyond_sixteen_a_seeded_sample_repeats_and_agrees():
    d = np.random.default_rng(3).normal(0.35, 1.0, 20)
    assert sign_flip_p(d) == sign_flip_p(d)
    t_p = stats.ttest_1samp(d, 0.0, alternative="greater").pvalue
    assert sign_flip_p(d) == pytest.approx(t_p, rel=0.2)
    assert sign_flip_p([1.0] * 30) == 1 / (DRAWS + 1)


def test_bounds_take_the_right_side():
    x = [0.2, 0.3, 0.25, 0.4, 0.35]
    assert bound_sign_flip_p(below(1.0), x) == 1 / 32 and bound_sign_flip_p(above(1.0), x) == 1.0
    assert bound_sign_flip_p(equivalent(0.0, 1.0), x) == 1 / 32
    assert bound_sign_flip_p(equivalent(0.3, 1.0), x) > 0.5
    assert bound_sign_flip_p(differs(0.1), x) == 2 / 32 == bound_sign_flip_p(differs(0.1), [-v for v in x])


@pytest.mark.parametrize("bad", [[], [1.0, math.nan]], ids=["none", "nan"])
def test_nothing_and_non_finite_are_refused(bad):
    with pytest.raises(ValueError, match="at least one distance"):
        sign_flip_p(bad)


def test_level_holds_for_any_symmetric_distribution(R=2000):
    """Exact: P(p <= 1/32) = 1/32 at n = 5, Cauchy tails included."""
    x = np.random.default_rng(4).standard_cauchy((R, 5))
    rate = np.mean([sign_flip_p(row) <= 1 / 32 for row in x])
    assert abs(rate - 1 / 32) <= 3 * math.sqrt(1 / 32 * 31 / 32 / R)
