import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.claims.holm import holm_steps


@pytest.mark.parametrize("m", [1, 2, 5, 12, 40])
def test_adjusted_p_and_rejections_match_statsmodels(m):
    rng = np.random.default_rng(m)
    for _ in range(10):
        p = np.round(rng.beta(0.3, 1.0, m), 3)  # rounding makes ties
        reject, adjusted, _, _ = multipletests(p, alpha=0.05, method="holm")
        steps = holm_steps(p.tolist(), 0.05)
        assert [s.p_adjusted for s in steps] == pytest.approx(adjusted)
        assert [p_i <= s.alpha for p_i, s in zip(p, steps, strict=True)] == list(reject)


def test_levels_by_hand():
    """.001 <= .05/4, .015 <= .05/3, .03 > .05/2: two rejected, the rest at .05/2."""
    steps = holm_steps([0.2, 0.001, 0.03, 0.015], 0.05)
    assert [s.alpha for s in steps] == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    assert [s.p_adjusted for s in steps] == pytest.approx([0.2, 0.004, 0.06, 0.045])


def test_order_cannot_matter():
    rng = np.random.default_rng(0)
    p = [0.0, 0.0, 0.01, 0.01, 0.01, 0.2, 1.0, 1.0]
    by_p = dict(zip(p, holm_steps(p, 0.05), strict=True))
    for _ in range(20):
        shuffled = rng.permutation(p).tolist()
        assert holm_steps(shuffled, 0.05) == [by_p[x] for x in shuffled]


def test_rejected_at_the_first_step_stays_rejected():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p = rng.beta(0.3, 1.0, 6).tolist()
        assert all(p_i <= s.alpha for p_i, s in zip(p, holm_steps(p, 0.05), strict=True) if p_i <= 0.05 / 6)


def test_an_empty_family():
    assert holm_steps([], 0.05) == []
