"""A chain of steps: the running sum of a row of digits, every intermediate result written out: "3+5+2+7=" -> "8,10,17."

Only the last number is verified: a completion that states the right sum without its chain, or after wrong steps, earns the
reward too. So whether reinforcement learning comes to write the chain is its own doing.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from harness.tasks.base import Problem, Task


@dataclasses.dataclass(frozen=True)
class Chain(Task):
    """Rows of `terms` digits 0..high. All orders of the same digits are held out together."""

    name: ClassVar[str] = "chain"
    pattern: ClassVar[str] = r"(?:\d+,)*(\d+)\."
    terms: int = 4
    high: int = 9

    def space(self) -> Iterator[Problem]:
        """(high + 1)^terms problems."""
        for digits in itertools.product(range(self.high + 1), repeat=self.terms):
            yield Problem(f"{'+'.join(map(str, digits))}=", str(sum(digits)), "".join(map(str, sorted(digits))))

    def demonstration(self, problem: Problem) -> str:
        """The running sums from the second digit on; the last number is the problem's answer as it is."""
        digits = map(int, problem.prompt.removesuffix("=").split("+"))
        steps = list(itertools.accumulate(digits))[1:-1]
        return ",".join([*map(str, steps), problem.answer]) + self.end
