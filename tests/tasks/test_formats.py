import random

import pytest

from harness.errors import SpecError
from harness.tasks import formats, registry
from harness.tasks.addition import Addition
from harness.tasks.base import Problem
from harness.tasks.chain import Chain
from harness.tasks.formats import PrefixedAddition

PROBLEM = Problem("07+42=", "49", "7+42")


def test_the_twin_asks_and_holds_out_what_its_task_does():
    task, twin = Addition(high=49), PrefixedAddition(high=49)
    assert list(task.space()) == list(twin.space())
    for split in ("train", "test"):
        assert task.problems(100, random.Random(0), split) == twin.problems(100, random.Random(0), split)


def test_the_twin_writes_what_its_task_does_not_accept():
    assert PrefixedAddition().demonstration(PROBLEM) == "#49."
    assert Addition().reward(PROBLEM, "#49.") == 0.0


@pytest.mark.parametrize(
    "completion, reward",
    [("#49.", 1.0), ("49.", 1.0), ("#48.", 0.0), ("##49.", 0.0), ("4#9.", 0.0), ("#.", 0.0), ("#49", 0.0)],
)
def test_the_twin_is_right_in_either_format(completion, reward):
    assert PrefixedAddition().reward(PROBLEM, completion) == reward


def test_every_twin_is_registered_under_its_name():
    for name, twin in formats.OFF_POLICY.items():
        assert registry.get(twin).family == registry.get(name).name


def test_a_task_without_a_twin_is_refused():
    with pytest.raises(SpecError, match="'chain' has no off-policy format; there is one for addition"):
        formats.off_policy("chain")


def test_the_answer_alone_has_no_steps_and_earns_the_reward():
    problem = Problem("3+5+2+7=", "17", "2357")
    assert formats.answer_alone(Chain(), problem) == "17." != Chain().demonstration(problem)
    assert Chain().reward(problem, "17.") == 1.0
