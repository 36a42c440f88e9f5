import subprocess
import sys

import pytest
from harness.errors import SpecError
from harness.tasks import corpus

GRAMMAR = corpus.get("grammar")


def test_the_text_is_the_one_that_runs_were_trained_on():
    """A change of the grammar must change this number, and with it every key."""
    assert corpus.digest(GRAMMAR) == GRAMMAR.sha256


def test_it_is_smaller_than_a_megabyte_and_is_not_stored():
    assert 500_000 < sum(len(GRAMMAR.text(split)) for split in corpus.SPLITS) < 1_000_000


def test_splits_share_no_paragraph():
    sets = [set(GRAMMAR.text(split).split("# ")) - {""} for split in corpus.SPLITS]
    assert [bool(a & b) for a, b in ((sets[0], sets[1]), (sets[0], sets[2]), (sets[1], sets[2]))] == [False] * 3
    assert min(map(len, sets)) > 90


def test_unknown_names_are_one_sentence():
    with pytest.raises(SpecError, match="unknown corpus 'c4': there are grammar"):
        corpus.get("c4")
    with pytest.raises(SpecError, match="unknown split 'test': it is train, tuning, evaluation"):
        GRAMMAR.text("test")


def test_another_process_writes_the_same_text():
    code = f"from harness.tasks import corpus; c = corpus.get('grammar'); assert corpus.digest(c) == {GRAMMAR.sha256!r}"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONHASHSEED": "7"})
