import random
import subprocess
import sys

import pytest

from harness.errors import SpecError
from harness.tasks.addition import Addition
from harness.tasks.base import Problem
from harness.tasks.chain import Chain
from harness.tasks.fewshot import FewshotAddition
from harness.tasks.formats import PrefixedAddition
from harness.tasks.registry import TASKS
from harness.tasks.sorting import Sorting

EVERY = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
SIDES = ("train", "test")


def every_problem(task, split):
    """All problems of a split that can be drawn: test exhausted, train drawn often enough to be nearly so."""
    if split == "test":
        return set(task.problems(task.size("test"), random.Random(0), "test"))
    return set(task.problems(20 * task.size("train"), random.Random(0)))


@EVERY
def test_held_out_prompts_are_disjoint_from_training_prompts(task):
    train, test = ({p.prompt for p in every_problem(task, split)} for split in SIDES)
    assert not train & test


@EVERY
def test_problems_that_give_each_other_away_are_held_out_together(task):
    train, test = ({p.group for p in every_problem(task, split)} for split in SIDES)
    assert not train & test


@EVERY
def test_split_covers_the_space_in_the_stated_proportion(task):
    space = list(task.space())
    assert len(set(space)) == len(space) == task.size("train") + task.size("test")
    groups = {p.group for p in space}
    held_out = sum(task.is_held_out(group) for group in groups)
    share = 1 / task.held_out
    assert held_out / len(groups) == pytest.approx(share, abs=4 * (share * (1 - share) / len(groups)) ** 0.5)


@EVERY
@pytest.mark.parametrize("split", SIDES)
def test_a_seed_repeats_and_another_differs(task, split):
    n = min(50, task.size(split))
    first, again, other = (task.problems(n, random.Random(seed), split) for seed in (1, 1, 2))
    assert first == again != other


@EVERY
def test_problems_leave_the_global_generator_alone(task):
    before = random.getstate()
    task.problems(5, random.Random(0))
    assert random.getstate() == before


@EVERY
def test_test_problems_do_not_repeat(task):
    drawn = task.problems(task.size("test"), random.Random(0), "test")
    assert len(set(drawn)) == len(drawn)


@EVERY
def test_more_test_problems_than_there_are_is_an_error(task):
    with pytest.raises(SpecError, match="ask for fewer"):
        task.problems(task.size("test") + 1, random.Random(0), "test")


def test_unknown_split_is_an_error():
    with pytest.raises(SpecError, match="it is train or test"):
        Addition().problems(1, random.Random(0), "validation")


@EVERY
def test_every_demonstration_earns_the_reward(task):
    assert all(task.reward(p, task.demonstration(p)) == 1.0 for p in task.space())


@EVERY
def test_no_demonstration_of_another_answer_earns_it(task):
    space = list(task.space())
    for p, q in zip(space, random.Random(0).sample(space, len(space))):
        assert task.reward(p, task.demonstration(q)) == float(p.answer == q.answer)


@EVERY
def test_demonstrations_end_with_the_end_mark_and_fit(task):
    for p in task.space():
        assert task.demonstration(p).endswith(task.end)


@pytest.mark.parametrize("task", [Addition(), PrefixedAddition(), Sorting(), Chain(), Chain(terms=3)], ids=repr)
def test_longest_demonstration_is_what_generation_allows(task):
    assert max(len(task.demonstration(p)) for p in task.space()) == task.max_new_tokens


@pytest.mark.parametrize("task", [Addition(), Addition(high=9), Sorting(), Sorting(length=3), Chain(), Chain(terms=3)], ids=repr)
def test_prompts_of_a_family_have_equal_length(task):
    assert len({len(p.prompt) for p in task.space()}) == 1


@pytest.mark.parametrize(
    "completion, reward",
    [
        ("49.", 1.0),
        ("49.07+", 1.0),
        ("49", 0.0),  # no end mark: not finished
        ("49..", 1.0),
        (" 49.", 0.0),
        ("049.", 0.0),
        ("4 9.", 0.0),
        ("149.", 0.0),
        (".49.", 0.0),
        ("", 0.0),
        (".", 0.0),
    ],
)
def test_verifier_is_exact(completion, reward):
    assert Addition().reward(Problem("07+42=", "49", "7+42"), completion) == reward


@pytest.mark.parametrize(
    "completion, reward",
    [
        (" 15", 1.0),
        (" 15\n", 1.0),
        ("15", 1.0),
        ("\n15", 1.0),
        (" 15 is", 1.0),
        (" 1", 0.0),
        (" 150", 0.0),
        (" 51", 0.0),
        (" x15", 0.0),
        ("", 0.0),
    ],
)
def test_fewshot_verifier_wants_the_sum_first(completion, reward):
    assert FewshotAddition().reward(Problem("... 7 + 8 =", "15", "7+8"), completion) == reward


def test_split_does_not_depend_on_the_size_of_the_space():
    small, large = Addition(high=49), Addition(high=99)
    held_out = {p.group for p in every_problem(large, "test")}
    assert {p.group for p in every_problem(small, "test")} == {p.group for p in small.space()} & held_out


def test_spec_tells_sizes_apart():
    specs = [task.spec() for task in (Addition(), Addition(high=99), Sorting(), Sorting(length=5))]
    assert all(a != b for i, a in enumerate(specs) for b in specs[:i])


def test_split_is_pinned():
    """Another split is another experiment: a change here needs a new task version."""
    counts = {name: (task.version, task.size("train"), task.size("test")) for name, task in TASKS.items()}
    assert counts == {
        "addition": (1, 2161, 339),
        "prefixed_addition": (1, 2161, 339),
        "sorting": (1, 8593, 1407),
        "reversal": (1, 8756, 1244),
        "chain": (1, 8952, 1048),
        "fewshot_addition": (1, 50, 42),
        "prefixed_fewshot_addition": (1, 50, 42),
        "affine": (1, 1464, 226),
    }


def test_tasks_need_neither_torch_nor_lm_eval():
    code = "import sys, harness.tasks.registry, harness.tasks.lm_eval_bridge; assert not {'torch', 'lm_eval'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
