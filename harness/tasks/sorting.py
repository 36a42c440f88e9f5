"""Sorting the digits of a short string: "s:4172=" -> "1247." """

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from harness.tasks.base import Problem, Task


@dataclasses.dataclass(frozen=True)
class Sorting(Task):
    """Strings of `length` digits, repeats allowed. All orders of the same digits are held out together, so no test answer
    occurs in training."""

    name: ClassVar[str] = "sorting"
    length: int = 4

    def space(self) -> Iterator[Problem]:
        """10^length problems."""
        for digits in itertools.product("0123456789", repeat=self.length):
            answer = "".join(sorted(digits))
            yield Problem(f"s:{''.join(digits)}=", answer, answer)
