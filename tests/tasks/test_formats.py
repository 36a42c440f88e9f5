import random

import pytest

from harness.errors import SpecError
from harness.tasks import formats, registry
from harness.tasks.base import Problem
from harness.tasks.chain import Chain
from harness.tasks.fewshot import FewshotAddition
from harness.tasks.formats import PrefixedAddition, PrefixedFewshotAddition

PROBLEM = Problem("07+42=", "49", "7+42")
FEWSHOT = Problem("... 7 + 8 =", "15", "7+8")
TWINS = pytest.mark.parametrize("name", formats.OFF_POLICY)


@TWINS
def test_the_twin_asks_and_holds_out_what_its_task_does(name):
    task, twin = registry.get(name), registry.get(formats.off_policy(name))
    assert list(task.space()) == list(twin.space())
    for split in ("train", "test"):
        n = min(100, task.size(split))
        assert task.problems(n, random.Random(0), split) == twin.problems(n, random.Random(0), split)


@TWINS
def test_the_twin_writes_what_its_task_does_not_accept_and_accepts_what_its_task_writes(name):
    task, twin = registry.get(name), registry.get(formats.off_policy(name))
    for problem in task.space():
        assert task.reward(problem, twin.demonstration(problem)) == 0.0
        assert twin.reward(problem, task.demonstration(problem)) == 1.0


def test_demonstrations_carry_the_prefix():
    assert PrefixedAddition().demonstration(PROBLEM) == "#49."
    assert PrefixedFewshotAddition().demonstration(FEWSHOT) == " #15\n"
    assert PrefixedFewshotAddition().demonstration(Problem("... 0 + 8 =", "8", "0+8")) == " #8\n"


@pytest.mark.parametrize(
    "completion, reward",
    [("#49.", 1.0), ("49.", 1.0), ("#48.", 0.0), ("##49.", 0.0), ("4#9.", 0.0), ("#.", 0.0), ("#49", 0.0)],
)
def test_the_twin_is_right_in_either_format(completion, reward):
    assert PrefixedAddition().reward(PROBLEM, completion) == reward


@pytest.mark.parametrize(
    "completion, reward",
    [
        (" #15\n", 1.0), (" #15", 1.0), ("#15", 1.0), ("\n#15 is", 1.0), (" 15\n", 1.0), (" 15", 1.0), (" 15#", 1.0),
        (" #16", 0.0), (" 16", 0.0), (" #1", 0.0), (" #51", 0.0),
        (" #150", 0.0), (" 150", 0.0), (" #153\n", 0.0),
        (" ##15", 0.0), (" # 15", 0.0), (" 1#5", 0.0), (" #", 0.0), (" #x15", 0.0), ("", 0.0),
    ],
)  # fmt: skip
def test_the_fewshot_twin_wants_the_sum_first_in_either_format(completion, reward):
    assert PrefixedFewshotAddition().reward(FEWSHOT, completion) == reward


def test_the_fewshot_twin_samples_one_token_more():
    assert PrefixedFewshotAddition().max_new_tokens == FewshotAddition().max_new_tokens + 1


def test_every_twin_is_registered_under_its_name():
    for name, twin in formats.OFF_POLICY.items():
        assert registry.get(twin).family == registry.get(name).name


def test_a_task_without_a_twin_is_refused():
    with pytest.raises(SpecError, match="'chain' has no off-policy format; there is one for addition, fewshot_addition"):
        formats.off_policy("chain")


def test_the_answer_alone_has_no_steps_and_earns_the_reward():
    problem = Problem("3+5+2+7=", "17", "2357")
    assert formats.answer_alone(Chain(), problem) == "17." != Chain().demonstration(problem)
    assert Chain().reward(problem, "17.") == 1.0
