"""Steps to half of a rise in reward: on lines, where the answer is known, on steps, and where the goal is never reached."""

import pytest
from suites.iso.speed import FIRST, LAST, WINDOW, halfway, steps_to

LINE = [t / 100 for t in range(1, 151)]
"""Reward t / 100 at step t: a centred mean is the line itself."""


def test_half_way_lies_between_the_first_and_the_last_steps():
    assert halfway([0.2] * FIRST + [0.9] * 20 + [0.6] * LAST) == pytest.approx(0.4)


@pytest.mark.parametrize("goal", [0.2, 0.755, 1.0], ids="goal={}".format)
def test_a_line_reaches_the_goal_where_it_does(goal):
    """Truth: the mean of a window around t is the reward of t, without any lag."""
    assert steps_to(LINE, goal) == min(t for t in range(1, 151) if t / 100 >= goal)


def test_twice_the_speed_takes_half_the_steps():
    """The plant: every second step of a run."""
    assert steps_to(LINE, 0.8) / steps_to(LINE[1::2], 0.8) == 2.0


def test_a_single_lucky_batch_is_no_arrival():
    rewards = [0.0] * 60 + [1.0] + [0.0] * 40
    assert steps_to(rewards, 0.5) == len(rewards)
    assert steps_to(rewards, 0.5, window=1) == 61


def test_a_goal_that_is_never_reached_takes_all_steps():
    assert steps_to([0.1] * 40, 0.2) == 40


def test_the_first_whole_window_is_the_earliest_that_counts():
    assert steps_to([1.0] * 40, 0.5) == WINDOW // 2 + 1
