"""Other ways to write the same answer: what a base has never written, and an answer without its chain of steps.

An off-policy demonstration is right, and improbable under the base: "07+42=" -> "#49." where the base writes "49.".
The twin of a task states the format and accepts both, so an arm that leaves the base's format is graded on the answer alone,
and its gain over the base is on one scale with the gain of an arm that stays. Problems and split are those of the task.
"""

import dataclasses
from typing import ClassVar

from harness.errors import SpecError
from harness.tasks.addition import Addition
from harness.tasks.base import Problem, Task
from harness.tasks.fewshot import FewshotAddition

PREFIX = "#"


@dataclasses.dataclass(frozen=True)
class PrefixedAddition(Addition):
    """Addition demonstrated as "#49." and graded with or without the prefix."""

    name: ClassVar[str] = "prefixed_addition"
    family: ClassVar[str] = "addition"
    pattern: ClassVar[str] = rf"(?:{PREFIX})?([^.\s]+)\."

    def demonstration(self, problem: Problem) -> str:
        """The prefix, the sum, the end mark."""
        return PREFIX + super().demonstration(problem)


@dataclasses.dataclass(frozen=True)
class PrefixedFewshotAddition(FewshotAddition):
    """Few-shot addition demonstrated as " #8\n", which the four solved sums of its prompt never show; graded either way."""

    name: ClassVar[str] = "prefixed_fewshot_addition"
    family: ClassVar[str] = "fewshot_addition"
    pattern: ClassVar[str] = rf"\s*{PREFIX}?(\d+)(?!\d)"

    @property
    def max_new_tokens(self) -> int:
        """One more, for the prefix."""
        return super().max_new_tokens + 1

    def demonstration(self, problem: Problem) -> str:
        """A space, the prefix, the sum and a line end."""
        return f" {PREFIX}{problem.answer}{self.end}"


OFF_POLICY = {"addition": "prefixed_addition", "fewshot_addition": "prefixed_fewshot_addition"}
"""Task -> its twin in harness.tasks.registry whose demonstrations the base of the task would not write."""


def off_policy(task: str) -> str:
    """Name of the off-policy twin of a task.

    Raises:
        SpecError: the task has none.
    """
    if task not in OFF_POLICY:
        raise SpecError(f"task {task!r} has no off-policy format; there is one for {', '.join(sorted(OFF_POLICY))}.")
    return OFF_POLICY[task]


def answer_alone(task: Task, problem: Problem) -> str:
    """The answer and the end mark, without the steps that a demonstration may write before it."""
    return problem.answer + task.end
