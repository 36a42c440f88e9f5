import math

import pytest
import torch
from scipy.stats import spearmanr
from suites.welore.strata import dealt, spearman

X = {"a": 1.0, "b": 4.0, "c": 2.0, "d": 30.0, "e": 50.0, "f": 40.0}
Y = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 90.0, "e": 70.0, "f": 80.0}
GROUPS = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 2}


def test_without_groups_it_is_scipys():
    ties = {**X, "b": 2.0}
    assert spearman(ties, Y) == pytest.approx(spearmanr(list(ties.values()), list(Y.values())).statistic)


def test_groups_of_opposite_order_are_pooled_into_the_wrong_sign():
    """By hand: inside each group the order is reversed, between groups it is the same."""
    assert spearman(X, Y) == pytest.approx(1 - 6 * (4 + 4 + 0 + 4 + 4 + 0) / (6 * 35))
    assert spearman(X, Y, GROUPS) == pytest.approx(-1.0)


def test_the_order_of_names_plays_no_part():
    assert spearman(dict(reversed(X.items())), Y, GROUPS) == spearman(X, Y, GROUPS)


def test_without_spread_there_is_no_correlation():
    assert math.isnan(spearman(dict.fromkeys(X, 1.0), Y))
    assert math.isnan(spearman(X, Y, {name: name for name in X}))


def test_dealing_keeps_every_groups_values_and_forgets_who_had_them():
    generator = torch.Generator().manual_seed(0)
    draws = [dealt(X, GROUPS, generator) for _ in range(400)]
    for draw in draws:
        assert sorted(draw[name] for name in "abc") == [1.0, 2.0, 4.0]
        assert sorted(draw[name] for name in "def") == [30.0, 40.0, 50.0]
    mean = sum(spearman(draw, Y, GROUPS) for draw in draws) / len(draws)
    assert abs(mean) < 4 * 0.5 / 20  # two groups of three: standard deviation 1 / sqrt 4
    assert sum(spearman(draw, Y) for draw in draws) / len(draws) > 0.6  # what is left is the groups


def test_a_seed_repeats():
    one, two = (dealt(X, GROUPS, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one == two
