import pytest

from harness.models.tokenizer import ALPHABET, SPECIAL, character_tokenizer
from harness.tasks.registry import TASKS


@pytest.fixture(scope="module")
def tokenizer():
    return character_tokenizer()


def test_one_token_a_character_after_bos(tokenizer):
    ids = tokenizer(ALPHABET)["input_ids"]
    assert ids == [1, *range(4, 4 + len(ALPHABET))]
    assert len(tokenizer) == len(SPECIAL) + len(ALPHABET) == 64


@pytest.mark.parametrize("text", ["07+42=49.", "s:4172=1247.", "a b, c: [x]"])
def test_decoding_inverts_encoding(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_unknown_character_is_unk(tokenizer):
    assert tokenizer("X")["input_ids"] == [1, tokenizer.unk_token_id]


def test_batches_are_padded_on_the_left(tokenizer):
    batch = tokenizer(["1", "123"], padding=True)["input_ids"]
    assert batch[0][:2] == [tokenizer.pad_token_id] * 2


@pytest.mark.parametrize("name", ["addition", "sorting"])
def test_alphabet_covers_every_tiny_task(name):
    task = TASKS[name]
    used = {character for p in task.space() for character in p.prompt + task.demonstration(p)}
    assert used <= set(ALPHABET)
