"""Each family's prompts and answers, recomputed from the prompt's text alone."""

import random

import pytest

from harness.tasks.addition import Addition
from harness.tasks.fewshot import SHOTS, FewshotAddition
from harness.tasks.reversal import Reversal
from harness.tasks.sorting import Sorting


@pytest.mark.parametrize("high", [9, 49, 99, 120], ids="high={}".format)
def test_addition_answers_are_sums(high):
    task = Addition(high=high)
    for p in task.problems(300, random.Random(0)):
        a, b = p.prompt.removesuffix("=").split("+")
        assert len(a) == len(b) == len(str(high))
        assert max(int(a), int(b)) <= high
        assert int(p.answer) == int(a) + int(b)
    assert task.size("train") + task.size("test") == (high + 1) ** 2


@pytest.mark.parametrize("length", [2, 3, 4], ids="length={}".format)
def test_sorting_answers_are_sorted(length):
    task = Sorting(length=length)
    for p in task.problems(300, random.Random(0)):
        digits = p.prompt.removeprefix("s:").removesuffix("=")
        assert len(digits) == length
        assert list(p.answer) == sorted(digits)


@pytest.mark.parametrize("length", [2, 4], ids="length={}".format)
def test_reversal_answers_run_the_other_way(length):
    task = Reversal(length=length)
    for p in task.problems(300, random.Random(0)):
        digits = p.prompt.removeprefix("r:").removesuffix("=")
        assert len(digits) == length
        assert list(p.answer) == list(reversed(digits))
    assert task.size("train") + task.size("test") == 10**length


def test_sorting_never_shows_a_test_answer_in_training():
    task = Sorting()
    test = {p.answer for p in task.problems(task.size("test"), random.Random(0), "test")}
    assert not test & {p.answer for p in task.problems(50_000, random.Random(0))}


def test_fewshot_prompt_is_the_measured_one():
    (p,) = [p for p in FewshotAddition().space() if p.prompt.endswith("\n7 + 8 =")]
    assert p.prompt == "2 + 3 = 5\n7 + 1 = 8\n4 + 9 = 13\n6 + 5 = 11\n7 + 8 ="
    assert FewshotAddition().demonstration(p) == " 15\n"


def test_fewshot_prompt_does_not_give_its_answer_away():
    pairs = {p.prompt.splitlines()[-1] for p in FewshotAddition().space()}
    assert len(pairs) == 92
    assert not {f"{a} + {b} =" for a, b in SHOTS} & pairs
    assert not {f"{b} + {a} =" for a, b in SHOTS} & pairs
