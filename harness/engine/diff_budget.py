"""A diff within a time: matrices in the order of `spread`, until the next one would not be done in time.

The next one's time is the mean of those done that were alike (shape, steps, draws); where none was, its number of multiplications
at the pace of all that were done. Whatever the budget, one matrix of each module is measured, or the sample would not be stratified.
It stops at the first matrix that does not fit, though a smaller one might: to go on with the small ones would favour their modules.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from harness.engine.diff_plan import Task
from harness.errors import StoreError

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """A duration such as 90s, 10m or 1.5h in seconds.

    Raises:
        StoreError: it is none.
    """
    found = re.fullmatch(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>s|m|min|h)", text.strip())
    seconds = float(found["number"]) * UNITS[found["unit"]] if found else 0.0
    if not seconds:
        raise StoreError(f"--budget {text!r} is no duration: write it as 90s, 10m or 1h")
    return seconds


class Budget:
    """Hands out tasks as long as they are expected to be done in time.

    Args:
        seconds: from now on.
        sure: names of matrices that are measured whatever it takes.
        clock: of seconds.
    """

    def __init__(self, seconds: float, sure: Iterable[str] = (), clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._sure = frozenset(sure)
        self._alike: dict[object, list[float]] = defaultdict(list)
        self._work = self._seconds = 0.0

    def note(self, task: Task, seconds: float) -> None:
        """A task took so long."""
        self._alike[_kind(task)].append(seconds)
        self._work += task.work
        self._seconds += seconds

    def expected(self, task: Task) -> float:
        """Seconds that a task will take; 0 before anything is known."""
        alike = self._alike.get(_kind(task))
        if alike:
            return sum(alike) / len(alike)
        return task.work * self._seconds / self._work if self._work else 0.0

    def within(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Tasks one by one, each decided on when it is asked for."""
        for task in tasks:
            if task.name not in self._sure and self._clock() + self.expected(task) > self._end:
                return
            yield task


def _kind(task: Task) -> object:
    return task.entry.shape, tuple(draws for _, draws in task.steps)
