import random

import pytest

from harness.tasks.base import Problem
from harness.tasks.chain import Chain

PROBLEM = Problem("3+5+2+7=", "17", "2357")


@pytest.mark.parametrize("terms", [2, 3, 4], ids="terms={}".format)
def test_the_chain_holds_every_running_sum_and_ends_in_the_answer(terms):
    """Recomputed from the prompt's text alone."""
    task = Chain(terms=terms)
    for p in task.problems(300, random.Random(0)):
        digits = [int(d) for d in p.prompt.removesuffix("=").split("+")]
        sums = [int(s) for s in task.demonstration(p).removesuffix(".").split(",")]
        assert len(digits) == terms and sums == [sum(digits[:i]) for i in range(2, terms + 1)]
        assert int(p.answer) == sums[-1]
    assert task.size("train") + task.size("test") == 10**terms


def test_orders_of_the_same_digits_are_held_out_together():
    task = Chain()
    test = {p.group for p in task.problems(task.size("test"), random.Random(0), "test")}
    assert not test & {p.group for p in task.problems(50_000, random.Random(0))}


@pytest.mark.parametrize(
    "completion, reward",
    [
        ("8,10,17.", 1.0),
        ("17.", 1.0),  # no chain
        ("9,9,17.", 1.0),  # wrong steps
        ("8,10,17.3+", 1.0),
        ("8,10,18.", 0.0),
        ("17,10.", 0.0),
        ("8,10,17", 0.0),
        ("8,10,017.", 0.0),
        ("8,,17.", 0.0),
        (",17.", 0.0),
        ("8;10,17.", 0.0),
        ("", 0.0),
    ],
)
def test_only_the_last_number_is_verified(completion, reward):
    assert Chain().reward(PROBLEM, completion) == reward


def test_an_answer_written_backwards_ends_its_chain():
    """As a corpus with a second convention writes it: the steps stay."""
    assert Chain().demonstration(Problem("3+5+2+7=", "71", "2357")) == "8,10,71."
