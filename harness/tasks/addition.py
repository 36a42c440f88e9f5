"""Addition of two numbers of equal width: "07+42=" -> "49." """

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from harness.tasks.base import Problem, Task


@dataclasses.dataclass(frozen=True)
class Addition(Task):
    """Operands 0..high, padded with zeros to the width of `high`; the sum is not padded, so answers differ in length.

    a+b and b+a are held out together.
    """

    name: ClassVar[str] = "addition"
    high: int = 49

    def space(self) -> Iterator[Problem]:
        """(high + 1)^2 problems."""
        width = len(str(self.high))
        for a in range(self.high + 1):
            for b in range(self.high + 1):
                yield Problem(f"{a:0{width}}+{b:0{width}}=", str(a + b), f"{min(a, b)}+{max(a, b)}")
