"""Pools and wrong answers: the same for whoever asks, in the share that was asked for, and apart from what rates are chosen on."""

import random
from dataclasses import replace
from itertools import islice

import pytest
from harness.errors import SpecError
from harness.tasks import registry
from harness.training import data, labels, sft
from harness.training.recipe import Recipe

TASK = registry.get("addition", high=49)
PLAIN = Recipe(arm="x", task="addition", steps=1, batch=4, lr=1e-3, base="pretrain", pool=16, noise=0.25)


def told(seed=0, share=0.15):
    return labels.told(TASK, TASK.problems(TASK.size("test"), random.Random(0), "test"), share, seed)


def test_a_share_of_answers_is_wrong_and_the_wrong_ones_are_answers():
    asked = TASK.problems(2000, random.Random(1))
    distinct = list({each.prompt: each for each in asked}.values())
    found = labels.told(TASK, distinct, 0.15, seed=3)
    wrong = [(a, b) for a, b in zip(distinct, found, strict=True) if a.answer != b.answer]
    assert len(wrong) / len(distinct) == pytest.approx(0.15, abs=0.03)
    assert all(b.answer in labels.answers(TASK) and replace(b, answer=a.answer) == a for a, b in wrong)
    assert len({b.answer for _, b in wrong}) > 50  # any answer may be told
    assert labels.answers(TASK) == tuple(sorted(map(str, range(99))))


def test_a_problem_is_told_the_same_whenever_and_beside_whatever():
    several, once = told(), [labels.told(TASK, [each], 0.15, 0)[0] for each in told(share=None)]
    assert several == once
    assert several != told(seed=1) and told(share=None) == told(share=0.0)


def test_a_pool_holds_different_training_problems_and_belongs_to_its_seed():
    pool = labels.pool(TASK, 0, 128)
    assert len(set(pool)) == 128 and not any(TASK.is_held_out(each.group) for each in pool)
    assert pool == labels.pool(TASK, 0, 128) and set(pool) != set(labels.pool(TASK, 1, 128))
    assert set(labels.pool(TASK, 0, 64)) < set(pool)


def test_what_is_outside_gives_no_sum_of_the_pool_away():
    outside = labels.outside(TASK, 0, 128, 300)
    groups = {each.group for each in labels.pool(TASK, 0, 128)}
    assert len(set(outside)) == 300 and not groups & {each.group for each in outside}
    assert not any(TASK.is_held_out(each.group) for each in outside)


def test_a_stream_stays_in_the_pool_whatever_the_batch():
    """The k-th problem is the same for every batch size, another for another offset, and as wrong each time it comes."""
    streams = [labels.stream(TASK, 0, offset, n, share=0.15, count=32) for offset, n in ((0, 4), (0, 8), (1, 8))]
    four, eight, other = ([p for step in islice(s, 40) for p in step] for s in streams)
    assert four == eight[:160] and eight != other
    known = labels.told(TASK, labels.pool(TASK, 0, 32), 0.15, 0)
    assert set(eight) == set(other) == set(known)


def test_without_a_count_the_stream_knows_every_training_problem():
    steps = islice(labels.stream(TASK, 0, 0, 4000, share=None, count=None), 5)
    assert len({p for step in steps for p in step}) == TASK.size("train")


def test_fine_tuning_reads_what_it_is_told(monkeypatch):
    seen = []
    monkeypatch.setattr(data, "encode_demonstrations", lambda tokenizer, task, problems, **_: seen.extend(problems))
    monkeypatch.setattr(sft, "cross_entropy", lambda model, examples: 0.0)
    loss = sft.objective(None, None, PLAIN, seed=7)
    for step in range(1, 41):
        loss(step)
    default = registry.get("addition")
    assert set(seen) == set(labels.told(default, labels.pool(default, 7, 16), 0.25, 7))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (dict(noise=1.0), "no share of problems"),
        (dict(pool=0), "without problems"),
        (dict(base=None), "imitates demonstrations"),
        (dict(loss="grpo", group=4), "imitates demonstrations"),
        (dict(data="off_policy"), "imitates demonstrations"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_recipes_that_cannot_be_told_are_refused(changed, says):
    with pytest.raises(SpecError, match=says):
        replace(PLAIN, **changed)


def test_pools_larger_than_the_task_are_refused():
    with pytest.raises(SpecError, match="a pool holds from 1 to as many, not 5000"):
        labels.pool(TASK, 0, 5000)
    with pytest.raises(SpecError, match="outside a pool of 2000"):
        labels.outside(TASK, 0, 2000, 300)


def test_only_recipes_that_use_them_have_them_in_their_key():
    gold = replace(PLAIN, pool=None, noise=None)
    keys = {replace(gold, **changed).key("tiny", 0, None) for changed in ({}, dict(pool=16), dict(noise=0.25), dict(pool=17))}
    assert len(keys) == 4
