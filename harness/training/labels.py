"""Few problems with some wrong answers: what a run is told where its recipe has a pool, or noise.

    pool      `count` different training problems, drawn by the seed: the only ones that the run ever meets
    told      each problem with its answer, or in a share of them with another answer of the task's

What a problem is told depends on (task, seed, prompt) and on nothing else: it is as wrong the tenth time as the first, and for
every arm. So a wrong answer can be learned by heart. Held-out problems are told by the same rule, and as wrongly.

Trap: noise drawn anew at every step would be a smoothed label, and nothing could be learned by heart.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from harness.errors import SpecError
from harness.tasks.base import Problem, Task


def answers(task: Task) -> tuple[str, ...]:
    """Every right answer that the task has, sorted: the classes, where it is read as a classification."""
    return _answers(task)


def told(task: Task, problems: Sequence[Problem], share: float | None, seed: int) -> list[Problem]:
    """The problems as they are told: each with another answer, uniform over the others, with probability `share`."""
    return [_told(task, each, share, seed) for each in problems] if share else list(problems)


def pool(task: Task, seed: int, count: int) -> list[Problem]:
    """`count` different training problems.

    Raises:
        SpecError: there are fewer.
    """
    return _shuffled(task, seed, count)[:count]


def outside(task: Task, seed: int, count: int, wanted: int) -> list[Problem]:
    """Training problems that give no problem of the pool away (no group in common), `wanted` of them: to choose rates on.

    Raises:
        SpecError: there are fewer.
    """
    inside = {each.group for each in pool(task, seed, count)}
    found = [each for each in _shuffled(task, seed, count)[count:] if each.group not in inside][:wanted]
    if len(found) < wanted:
        raise SpecError(f"{task.name} has {len(found)} training problems outside a pool of {count}; {wanted} were asked for.")
    return found


def stream(task: Task, seed: int, offset: int, n: int, *, share: float | None, count: int | None) -> Iterator[list[Problem]]:
    """`n` problems of the pool a step, as they are told, without end.

    Args:
        task, seed, offset: the order depends on; the pool and what is told on task and seed alone.
        n: a step, drawn with repetition.
        share: of wrong answers; None: none.
        count: of problems in the pool; None: all training problems.
    """
    order = random.Random(f"{task.name}|{seed}|{offset}|pool")
    known = told(task, pool(task, seed, task.size("train") if count is None else count), share, seed)
    while True:
        yield order.choices(known, k=n)


def _told(task: Task, problem: Problem, share: float, seed: int) -> Problem:
    draw = random.Random(f"{task.name}|{seed}|{problem.prompt}|told")
    if draw.random() >= share:
        return problem
    return replace(problem, answer=draw.choice([each for each in _answers(task) if each != problem.answer]))


@lru_cache(maxsize=16)
def _answers(task: Task) -> tuple[str, ...]:
    return tuple(sorted({each.answer for each in task.space()}))


def _shuffled(task: Task, seed: int, count: int) -> list[Problem]:
    side = [each for each in task.space() if not task.is_held_out(each.group)]
    if not 1 <= count <= len(side):
        raise SpecError(f"{task.name} has {len(side)} training problems, so a pool holds from 1 to as many, not {count}.")
    random.Random(f"{task.name}|{seed}|shuffle").shuffle(side)
    return side
