import re
from itertools import islice

import pytest
from harness.models.tokenizer import ALPHABET
from harness.tasks import grammar

PARAGRAPHS = list(islice(grammar.paragraphs("test"), 400))
TEXT = "".join(PARAGRAPHS)


def test_a_seed_repeats_and_another_differs():
    assert list(islice(grammar.paragraphs("test"), 400)) == PARAGRAPHS
    assert next(grammar.paragraphs("other")) != PARAGRAPHS[0]


def test_every_character_has_a_token_of_the_tiny_model():
    assert set(TEXT) <= set(ALPHABET)


def test_sums_are_right():
    sums = re.findall(r"(\d)\+(\d)=(\d+)", TEXT)
    assert len(sums) > 50 and all(int(a) + int(b) == int(c) for a, b, c in sums)


def test_what_was_said_once_is_said_again():
    for paragraph in PARAGRAPHS:
        sentences = re.split(r"\. |# ", paragraph)
        codes, again = ([s.removeprefix(word) for s in sentences if s.startswith(word)] for word in ("code ", "again "))
        assert codes == again and len(codes) <= 1
    assert 0.4 < sum(". again " in paragraph for paragraph in PARAGRAPHS) / 400 < 0.6


def test_a_verb_agrees_with_its_own_subject_across_a_clause():
    """Every innermost clause is folded away together with its verb, until a sentence is subject, verb and perhaps object."""
    sentences = [s for p in PARAGRAPHS for s in p.rstrip("# ").split(". ")]
    sentences = [s.partition(" said that ")[2] or s for s in sentences if not re.search(r"[0-9]", s)]
    words, folded = grammar.lexicon(), 0
    verbs = {stem + ending for stem in words.verbs.words for ending in ("o", "os")}
    for sentence in sentences:
        kept: list[str] = []  # subjects that wait for their verb
        said = sentence.split()
        for before, word in zip(["", *said], said, strict=False):
            if word in verbs and before not in ("the", *words.adjectives.words):  # a few nouns look like verbs
                assert word.endswith("os") == (not kept.pop().endswith("n")), sentence
                folded += 1
                if not kept:
                    break
            elif word not in ("the", "that", *words.adjectives.words):
                kept.append(word)
        assert not kept, sentence
    assert folded > 1.3 * len(sentences)


def test_words_follow_zipf():
    """Weight 1 / (r + 2): noun 50 is drawn 2 / 52 times as often as noun 0."""
    ends = (0.0, *grammar.lexicon().nouns.ends, 1.0)
    shares = [b - a for a, b in zip(ends, ends[1:], strict=False)]
    assert shares[50] / shares[0] == pytest.approx(2 / 52) and sum(shares) == pytest.approx(1.0)


def test_kinds_share_no_word():
    words = [word for kind in grammar.lexicon() for word in kind.words]
    assert len(words) == len(set(words)) == 930
