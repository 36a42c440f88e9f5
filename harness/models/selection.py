"""Which matrices of several pairs of checkpoints are held in memory at once, to be measured together.

Those that every pair has in one shape, that moved in every pair, and of these as many as LIMIT allows: a prefix of
`sample.spread`, so that what is left out is spread over modules and layers. Whoever measures says which were left out.

Trap: a matrix that stayed as it was (frozen, or out of an adapter's reach) has no update, and a ratio of updates is undefined
there; counted as zeros, such matrices would make any fine-tune look sparse.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from harness.errors import ModelError
from harness.models.pair import Entry, Pair
from harness.models.sample import spread

LIMIT = 2**27
"""Entries of all matrices together: .5 GB a base in fp32, 1.1 GB an update in fp64, of which a claim holds several at once. The 106
million of SmolLM2 took 6.4 GB at the peak of a contrast of two arms, so this takes about 8."""


class Selection(NamedTuple):
    """What is measured, and what is not.

    Attributes:
        entries: by layer, then by name.
        common: how many matrices all pairs have.
        unmoved: how many of those looked at are equal on both sides of some pair.
        left: how many were not looked at, since LIMIT was reached.
    """

    entries: tuple[Entry, ...]
    common: int
    unmoved: int
    left: int


def select(pairs: Sequence[Pair], limit: int | None = None) -> Selection:
    """The matrices to measure; at least one, whatever its size.

    Args:
        pairs: of one base.
        limit: largest number of entries in all matrices together; None takes LIMIT.

    Raises:
        ModelError: the pairs have no matrix in common, none that moved in all of them, or a file cannot be read.
    """
    wanted, limit = common(pairs), LIMIT if limit is None else limit
    kept: list[Entry] = []
    size = unmoved = 0
    for done, entry in enumerate(spread(wanted)):
        if kept and size + prod(entry.shape) > limit:
            return Selection(_ordered(kept), len(wanted), unmoved, len(wanted) - done)
        if all(moved(pair, entry) for pair in pairs):
            kept.append(entry)
            size += prod(entry.shape)
        else:
            unmoved += 1
    if not kept:
        raise ModelError("no matrix moved in all of the checkpoints: give such as changed the same matrices.")
    return Selection(_ordered(kept), len(wanted), unmoved, 0)


def common(pairs: Sequence[Pair]) -> tuple[Entry, ...]:
    """Matrices that every pair has in one shape, as the first pair describes them.

    Raises:
        ModelError: there is none.
    """
    shared = set.intersection(*({(entry.name, entry.shape) for entry in pair.entries} for pair in pairs))
    if not shared:
        raise ModelError("the checkpoints have no matrix in common: give such as were tuned from one base.")
    return tuple(entry for entry in pairs[0].entries if (entry.name, entry.shape) in shared)


def moved(pair: Pair, entry: Entry) -> bool:
    """Whether the two sides differ in any entry of this matrix, in the wider of their dtypes."""
    import torch

    [(_, w0, w1)] = pair.read([entry], prefetch=0)
    wide = torch.promote_types(w0.dtype, w1.dtype)
    return not torch.equal(w0.to(wide), w1.to(wide))


def _ordered(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.layer, entry.name)))
