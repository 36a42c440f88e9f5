"""A made-up language with something to learn at every range, written out paragraph by paragraph.

    letters     words of two or three syllables, each kind of word with its own endings
    words       rank r of a kind is drawn with weight 1 / (r + 2): Zipf's law, so rare words are still met for the first time late
    agreement   "the tofa mivos" but "the tofan mivo": a verb ends by the number of its own subject, also across a clause
    clauses     "the tofan that the rulek gavos mivo": nested at most twice, each verb closing its own subject
    a topic     the names and half of the nouns of a paragraph come from a few that it draws first, so context tells them
    copying     "code k7f2 ... again k7f2", with a sentence or two between
    sums        "7+5=12": all of them true

So cross-entropy falls in the order unigrams, bigrams, words, agreement, topic, copying; the last two need attention.
Only `Random.random` is drawn from: Python keeps its stream from version to version, which it does not promise of the others.
"""

from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

ONSETS = "b d f g k l m n p r s t v z st tr kl br".split()
VOWELS = "a e i o u ai".split()
MOST_NESTED = 2


class Kind(NamedTuple):
    """Words of one kind by falling frequency, and where each ends on a scale from 0 to 1."""

    words: tuple[str, ...]
    ends: tuple[float, ...]

    def draw(self, random: Random) -> str:
        """A word by Zipf's law."""
        return self.words[bisect(self.ends, random.random())]


class Lexicon(NamedTuple):
    """The words of the language. Nouns and verbs are stems: number is added where they are used."""

    nouns: Kind
    verbs: Kind
    adjectives: Kind
    names: Kind


class Phrase(NamedTuple):
    """A subject as written, and whether it is plural."""

    text: str
    plural: bool


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The one lexicon: every corpus of this language has it."""
    random, known = Random("lexicon"), set()

    def kind(count: int, ending: str, syllables: int) -> Kind:
        words: list[str] = []
        while len(words) < count:
            length = syllables + (random.random() < 0.4)
            word = "".join(_of(ONSETS, random) + _of(VOWELS, random) for _ in range(length)) + ending
            if word not in known:
                known.add(word)
                words.append(word)
        weights = list(accumulate(1.0 / (rank + 2) for rank in range(count)))
        return Kind(tuple(words), tuple(weight / weights[-1] for weight in weights[:-1]))

    return Lexicon(kind(500, "", 2), kind(250, "v", 1), kind(120, "lu", 1), kind(60, "x", 1))


def paragraphs(seed: str) -> Iterator[str]:
    """Paragraphs without end, each of 3 to 6 sentences and ending with "# ".

    Args:
        seed: of the stream; the language is the same for all.
    """
    random = Random(seed)
    while True:
        yield _Writer(random).paragraph()


class _Writer:
    """Writes one paragraph about a topic of its own."""

    def __init__(self, random: Random) -> None:
        self._random, self._words = random, lexicon()
        self._topic = [self._words.nouns.draw(random) for _ in range(3)]
        self._names = [self._words.names.draw(random) for _ in range(2)]

    def paragraph(self) -> str:
        count = 3 + int(4 * self._random.random())
        sentences = [self._sentence() for _ in range(count)]
        if self._random.random() < 0.5:
            code = "".join(_of("bcdfghjkmnpqrtwz", self._random) + _of("23456789", self._random) for _ in range(2))
            sentences.insert(1, f"code {code}")
            sentences.append(f"again {code}")
        return ". ".join(sentences) + "# "

    def _sentence(self) -> str:
        drawn = self._random.random()
        if drawn < 0.1:
            a, b = (int(10 * self._random.random()) for _ in range(2))
            return f"{a}+{b}={a + b}"
        if drawn < 0.2:
            return f"{_of(self._names, self._random)} said that {self._clause(0)}"
        return self._clause(0)

    def _clause(self, depth: int) -> str:
        subject = self._subject(depth)
        parts = [subject.text, self._verb(subject.plural)]
        if self._random.random() < 0.6:
            parts.append(self._subject(MOST_NESTED).text)
        return " ".join(parts)

    def _subject(self, depth: int) -> Phrase:
        if self._random.random() < 0.25:
            return Phrase(_of(self._names, self._random), False)
        plural = self._random.random() < 0.5
        stem = _of(self._topic, self._random) if self._random.random() < 0.5 else self._words.nouns.draw(self._random)
        adjective = self._words.adjectives.draw(self._random) + " " if self._random.random() < 0.3 else ""
        text = f"the {adjective}{stem}{'n' if plural else ''}"
        if depth < MOST_NESTED and self._random.random() < 0.35:
            inner = self._subject(depth + 1)
            text += f" that {inner.text} {self._verb(inner.plural)}"
        return Phrase(text, plural)

    def _verb(self, plural: bool) -> str:
        return self._words.verbs.draw(self._random) + ("o" if plural else "os")


def _of(choices: "list[str] | str", random: Random) -> str:
    return choices[int(len(choices) * random.random())]
