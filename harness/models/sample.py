"""An order of a pair's matrices in which every prefix is a stratified sample of them.

The strata are the modules. The j-th matrix of a module that has n comes at j / n: one of each module first, then every module in
proportion to its size. Within a module, layers come in van der Corput's order (0, 1/2, 1/4, 3/4, 1/8, ... of the depth), begun at
another depth in every module, so that the first few are early, middle and late ones. Of a layer's experts one is taken at a time.

Source: van der Corput 1935; the offsets are multiples of the golden ratio, a rotation as of Cranley & Patterson 1976.
Trap: this is a systematic sample, not a random one. Where a number changes smoothly with depth, which is the rule, its mean over
a prefix is closer to that over all than the error of a random sample of that size says.
"""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from harness.models.pair import Entry

T = TypeVar("T")
GOLDEN = (math.sqrt(5) - 1) / 2


def stratum(entry: "Entry") -> str:
    """What a matrix is a sample of: its module; in a model without layers its name, whatever the numbers in it."""
    return entry.module if entry.layer >= 0 else re.sub(r"\d+", "*", entry.module)


def strata(entries: Sequence["Entry"]) -> dict[str, list["Entry"]]:
    """Matrices by stratum, each in the order of its layers and names; equal for any order of the same entries."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda each: (stratum(each), each.layer, _natural(each.name))):
        found[stratum(entry)].append(entry)
    return dict(found)


def spread(entries: Sequence["Entry"]) -> tuple["Entry", ...]:
    """All entries, in an order of which every prefix is a stratified sample.

    The first len(strata(entries)) are one of each stratum. Equal for any order of the same entries; no randomness.
    """
    timed = []
    for rank, members in enumerate(strata(entries).values()):
        own = enumerate(_by_depth(members, offset=GOLDEN * rank))
        timed += [(place / len(members), rank, entry) for place, entry in own]
    return tuple(entry for _, _, entry in sorted(timed, key=lambda each: each[:2]))


def first_of_each(entries: Sequence["Entry"], count: int) -> tuple["Entry", ...]:
    """The first `count` of every stratum, in the order of `spread`; of a smaller stratum all."""
    taken: dict[str, int] = defaultdict(int)
    kept = []
    for entry in spread(entries):
        taken[stratum(entry)] += 1
        if taken[stratum(entry)] <= count:
            kept.append(entry)
    return tuple(kept)


def low_discrepancy(items: Sequence[T], offset: float = 0.0) -> list[T]:
    """The items at van der Corput's fractions of their sequence, plus an offset, around the end; each once."""
    count = len(items)
    fractions = ((_radical_inverse(index) + offset) % 1.0 for index in range(1 << (count - 1).bit_length() if count else 0))
    order = dict.fromkeys(min(math.floor(fraction * count), count - 1) for fraction in fractions)
    order |= dict.fromkeys(range(count))  # an offset may round two fractions into one place
    return [items[place] for place in order]


def _by_depth(members: Sequence["Entry"], offset: float) -> list["Entry"]:
    """One matrix of every layer, then the next of every layer: experts of a layer are as far apart as its layers are."""
    by_layer: dict[object, list[Entry]] = defaultdict(list)
    for entry in members:
        by_layer[entry.layer if entry.layer >= 0 else entry.name].append(entry)
    layers = low_discrepancy(list(by_layer.values()), offset)
    queues = [low_discrepancy(layer, GOLDEN * rank) for rank, layer in enumerate(layers)]
    return [entry for turn in zip_longest(*queues) for entry in turn if entry is not None]


def _radical_inverse(index: int) -> float:
    """The bits of index, mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8, ..."""
    value, place = 0.0, 0.5
    while index:
        value += place * (index & 1)
        index, place = index >> 1, place / 2
    return value


def _natural(name: str) -> list[tuple[int, int | str]]:
    """For sorting: numbers in a name by their size."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]
