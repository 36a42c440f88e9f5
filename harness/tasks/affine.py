"""Affine maps of two numbers, ten of them: "3ag=" -> "15." is map 3 at a = 0, b = 6.

    y = c1 a + c2 b + c0,   c1 = 1 + i mod 6,  c2 = 1 + 5 i mod 7,  c0 = i mod 5   of map i = 0..9

The first digit names the map, letters a..m are the numbers 0..12. The maps are near relatives on purpose: ten tasks of one
shape, from which many adapters are trained (suites/universal_subspace).
Source: the coefficients of the sheet peft_merge, 4.4.
Trap: the sheet reads y mod 13. From the start of the tiny model that stays at chance for 1200 steps, whatever the rate: seen
alone, neither a nor b says anything about it.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from harness.errors import SpecError
from harness.tasks.base import Problem, Task

MAPS = 10
NUMBERS = "abcdefghijklm"


@dataclasses.dataclass(frozen=True)
class Affine(Task):
    """`maps` of the maps from the first on.

    (a, b) and (b, a) are held out together where the map is the same for both.

    Raises:
        SpecError: there are no such maps.
    """

    name: ClassVar[str] = "affine"
    first: int = 0
    maps: int = MAPS

    def __post_init__(self) -> None:
        if self.first < 0 or self.maps < 1 or self.first + self.maps > MAPS:
            raise SpecError(f"There are {MAPS} affine maps, from 0 on: not {self.maps} from {self.first} on.")

    def space(self) -> Iterator[Problem]:
        """169 problems a map."""
        for i in range(self.first, self.first + self.maps):
            c1, c2, c0 = coefficients(i)
            for a, b in itertools.product(range(len(NUMBERS)), repeat=2):
                pair = sorted((a, b)) if c1 == c2 else (a, b)
                yield Problem(f"{i}{NUMBERS[a]}{NUMBERS[b]}=", str(c1 * a + c2 * b + c0), "{}:{},{}".format(i, *pair))


def coefficients(i: int) -> tuple[int, int, int]:
    """c1, c2 and c0 of map i."""
    return 1 + i % 6, 1 + 5 * i % 7, i % 5
