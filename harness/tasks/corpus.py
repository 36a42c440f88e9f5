"""A fixed text in three disjoint splits, made here and not shipped: train, tuning (learning rates are chosen on it), evaluation.

Which split a paragraph falls into is a hash of its words, as with the problems of a task: one that is drawn twice falls twice
on the same side, so no paragraph is in two splits.

The splits' SHA-256 is part of every recipe that trains on them and is checked by a test: another text is another key.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

from harness.errors import SpecError
from harness.tasks import grammar

SPLITS = ("train", "tuning", "evaluation")
Split = Literal["train", "tuning", "evaluation"]
HELD_OUT = 32
"""One paragraph in so many is for tuning, and as many for evaluation."""


@dataclass(frozen=True)
class Corpus:
    """A text by its name.

    Attributes:
        name: of the corpus; its stream is seeded by it.
        write: makes paragraphs without end from a seed.
        count: how many are taken.
        sha256: of the three splits.
    """

    name: str
    write: Callable[[str], Iterator[str]]
    count: int
    sha256: str

    def spec(self) -> dict[str, Any]:
        """What identifies the text in the hash of a recipe."""
        return {"corpus": self.name, "sha256": self.sha256}

    def text(self, split: Split) -> str:
        """One split, in characters of the tiny tokenizer's alphabet. SpecError: there is no such split."""
        if split not in SPLITS:
            raise SpecError(f"unknown split {split!r}: it is {', '.join(SPLITS)}.")
        return _splits(self)[SPLITS.index(split)]


@lru_cache(maxsize=2)
def _splits(corpus: Corpus) -> tuple[str, ...]:
    parts: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for paragraph in islice(corpus.write(corpus.name), corpus.count):
        parts[_side(paragraph)].append(paragraph)
    return tuple("".join(parts[side]) for side in parts)


def _side(paragraph: str) -> int:
    """Place in SPLITS."""
    digest = hashlib.blake2b(paragraph.encode(), digest_size=8).digest()
    return {0: 1, 1: 2}.get(int.from_bytes(digest, "big") % HELD_OUT, 0)


def digest(corpus: Corpus) -> str:
    """SHA-256 of the splits as they are written now."""
    return hashlib.sha256("\0".join(corpus.text(split) for split in SPLITS).encode()).hexdigest()


SHA = "d3a8c43e7d0ac3e1d257ee7edd2cc9f211660b2af914eb3aa0efa3651c0ed76c"

CORPORA = {corpus.name: corpus for corpus in (Corpus("grammar", grammar.paragraphs, 4000, SHA),)}


def get(name: str) -> Corpus:
    """The corpus of that name. SpecError: there is none."""
    if name not in CORPORA:
        raise SpecError(f"unknown corpus {name!r}: there are {', '.join(CORPORA)}.")
    return CORPORA[name]
