import itertools
from collections import Counter

import pytest
from harness.errors import TrainingError
from harness.models.tokenizer import character_tokenizer
from harness.tasks import registry
from harness.tasks.base import Problem
from harness.tasks.chain import Chain
from harness.training import data
from harness.training.pretrain import writer
from harness.training.recipe import Part

SUMS = registry.get("addition", high=49)


@pytest.fixture(scope="module")
def tokenizer():
    return character_tokenizer()


@pytest.fixture(scope="module")
def real():
    """SmolLM2's tokenizer."""
    from harness.models.load import locate
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(locate("small"), local_files_only=True)


def problems(n: int, steps: int, seed: int = 0, offset: int = 0, **options) -> list[Problem]:
    drawn = itertools.islice(data.stream(SUMS, seed, offset, n, **options), steps)
    return [problem for step in drawn for problem in step]


def test_the_order_of_problems_does_not_depend_on_the_batch():
    assert problems(4, 12) == problems(16, 3) == problems(48, 1)


def test_seed_and_offset_give_other_problems():
    assert len({tuple(problems(32, 1, seed, offset)) for seed in (0, 1) for offset in (0, 1)}) == 4


def test_held_out_problems_are_never_trained_on():
    import random

    held_out = {p.group for p in SUMS.problems(SUMS.size("test"), random.Random(0), "test")}
    assert held_out.isdisjoint(p.group for p in problems(2000, 1))


def test_the_stated_share_is_written_backwards():
    """The same problems in the same order; two-digit answers of unequal digits show which were turned."""
    plain, mixed = problems(4000, 1), problems(4000, 1, backwards=0.25)
    assert [p.prompt for p in plain] == [p.prompt for p in mixed]
    turned = [b.answer == a.answer[::-1] for a, b in zip(plain, mixed, strict=True) if a.answer != a.answer[::-1]]
    kept = [b.answer == a.answer for a, b in zip(plain, mixed, strict=True) if a.answer != a.answer[::-1]]
    assert all(t != k for t, k in zip(turned, kept, strict=True))
    assert sum(turned) / len(turned) == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / len(turned)) ** 0.5)


@pytest.mark.parametrize("direct", [0.0, 0.25, 1.0], ids="direct={}".format)
def test_the_stated_share_is_written_without_its_steps(direct, n=4000):
    import random

    task, problems = Chain(), Chain().problems(n, random.Random(0))
    write = writer(task, Part("chain", 1.0, direct=direct), seed=0)
    texts = [write(problem) for problem in problems]
    short = [text == problem.answer + "." for text, problem in zip(texts, problems, strict=True)]
    assert all(one or text == task.demonstration(p) for one, text, p in zip(short, texts, problems, strict=True))
    assert sum(short) / n == pytest.approx(direct, abs=5 * (direct * (1 - direct) / n) ** 0.5)


@pytest.mark.parametrize("answer_only", [False, True], ids="answer_only={}".format)
def test_targets_are_the_next_token_of_the_right_part(tokenizer, answer_only):
    batch = [Problem("07+02=", "9", "a"), Problem("40+12=", "52", "b")]
    ids, targets = data.encode_demonstrations(tokenizer, SUMS, batch, answer_only=answer_only)
    predicted = [tokenizer.decode(row[row != data.IGNORED]) for row in targets]
    assert predicted == (["9.", "52."] if answer_only else ["07+02=9.", "40+12=52."])
    kept = targets != data.IGNORED
    assert (ids[:, 1:][kept] == targets[kept]).all()
    assert Counter(ids[:, 0].tolist()) == {tokenizer.bos_token_id: 2}


def test_prompts_of_unequal_length_are_refused(tokenizer):
    with pytest.raises(TrainingError, match="differ in length"):
        data.encode_prompts(tokenizer, SUMS, [Problem("1+2=", "3", "a"), Problem("10+2=", "12", "b")])


@pytest.mark.parametrize("name", ["fewshot_addition", "prefixed_fewshot_addition"])
def test_a_real_tokenizer_splits_prompt_from_demonstration(real, name):
    """Every target is a token of the demonstration alone: no token of SmolLM2 straddles the two."""
    task = registry.get(name)
    batch = list(task.space())
    assert data.encode_prompts(real, task, batch).shape == (92, 39)
    targets = data.encode_demonstrations(real, task, batch, answer_only=True).targets
    rows = [row[row != data.IGNORED] for row in targets]
    assert [real.decode(row) for row in rows] == [task.demonstration(p) for p in batch]
    assert {row[-1].item() for row in rows} == {data.end_token(real, task)}


def test_an_end_mark_of_two_tokens_is_refused(tokenizer, monkeypatch):
    monkeypatch.setattr(type(SUMS), "end", "..")
    with pytest.raises(TrainingError, match="is 2 tokens"):
        data.end_token(tokenizer, SUMS)
