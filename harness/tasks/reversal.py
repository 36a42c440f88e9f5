"""Writing the digits of a short string from last to first: "r:4172=" -> "2714." """

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from harness.tasks.base import Problem, Task


@dataclasses.dataclass(frozen=True)
class Reversal(Task):
    """Strings of `length` digits, repeats allowed. Backwards, the answer is the string itself."""

    name: ClassVar[str] = "reversal"
    length: int = 4

    def space(self) -> Iterator[Problem]:
        """10^length problems."""
        for row in itertools.product("0123456789", repeat=self.length):
            digits = "".join(row)
            yield Problem(f"r:{digits}=", digits[::-1], digits)
