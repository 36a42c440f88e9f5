"""Does the bench have power? AdamW learns, without its matrices it learns half of that, without targets nothing."""

import math
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
import torch
from harness.models import tiny
from harness.tasks import corpus
from harness.training import lm, methods, recipes
from harness.training.loop import run_loop

SHORT = 100


def trained(recipe, seed=100):
    model, tokenizer = tiny.build(seed)
    name = {"arm": recipe.arm, "scale": "tiny", "seed": seed}
    log = run_loop(model, recipe, lm.objective(model, tokenizer, recipe, seed), name=name, snapshot=lambda step: None)
    return model, tokenizer, log


def unigram_entropy():
    counts = Counter(corpus.get("grammar").text("evaluation"))
    return -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())


@pytest.fixture(scope="module")
def losses():
    """Held-out loss of three arms after a quarter of the bench's steps, at their rates."""
    found = {}
    for arm in ("lm_adamw", "lm_frozen", "lm_shuffled"):
        recipe = replace(recipes.get(arm, "tiny"), steps=SHORT)
        model, tokenizer, _ = trained(recipe)
        found[arm] = lm.held_out(model, tokenizer, recipe)
    return found


def test_adamw_learns_far_more_than_letter_frequencies(losses):
    assert losses["lm_adamw"].loss < 0.55 * unigram_entropy() and losses["lm_adamw"].accuracy > 0.4


def test_frozen_matrices_leave_a_gap_that_gives_the_task_its_power(losses):
    assert losses["lm_adamw"].loss + 0.2 < losses["lm_frozen"].loss < unigram_entropy() - 0.5


def test_shuffled_targets_teach_letter_frequencies_alone(losses):
    assert losses["lm_shuffled"].loss == pytest.approx(unigram_entropy(), abs=0.05)


@pytest.fixture
def text():
    return lm.tokens(tiny.build(0).tokenizer, "grammar", "train")


def test_a_token_is_a_character(text):
    tokenizer = tiny.build(0).tokenizer
    written = corpus.get("grammar").text("train")
    assert len(text) == len(written)
    assert text[:300].tolist() == tokenizer(written[:300], add_special_tokens=False)["input_ids"]


def test_targets_are_the_next_characters(text):
    found = lm.draw(text, 3, 20, torch.Generator().manual_seed(0))
    assert found.ids.shape == found.targets.shape == (3, 20)
    assert torch.equal(found.ids[:, 1:], found.targets[:, :-1])


def test_shuffled_targets_are_the_same_ones_elsewhere(text):
    plain = lm.draw(text, 8, 64, torch.Generator().manual_seed(0))
    dealt = lm.draw(text, 8, 64, torch.Generator().manual_seed(0), torch.Generator().manual_seed(1))
    assert torch.equal(plain.ids, dealt.ids)
    assert torch.equal(plain.targets.flatten().sort().values, dealt.targets.flatten().sort().values)
    assert (plain.targets == dealt.targets).float().mean() < 0.15


def test_arms_of_a_seed_see_the_same_windows_and_seeds_differ(text):
    def third(arm, seed):
        return next(islice(lm.batches(recipes.get(arm, "tiny"), text, seed), 2, None)).ids

    assert torch.equal(third("lm_adamw", 0), third("lm_galore", 0)) and torch.equal(third("lm_adamw", 0), third("lm_shuffled", 0))
    assert not torch.equal(third("lm_adamw", 0), third("lm_adamw", 1))


def test_a_run_repeats_bit_for_bit_and_seeds_differ():
    recipe = replace(recipes.get("lm_galore", "tiny"), steps=3)
    one, two, other = (trained(recipe, seed)[0].lm_head.weight for seed in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)


@pytest.mark.parametrize("split", ["tuning", "evaluation"])
def test_a_blank_model_knows_nothing_of_a_held_out_split(split):
    model, tokenizer = tiny.build(0)
    found = lm.held_out(model, tokenizer, recipes.get("lm_adamw", "tiny"), split)
    assert found.loss == pytest.approx(math.log(64), abs=0.1)
    assert lm.EVALUATED * 64 < len(corpus.get("grammar").text(split))


def test_the_whole_bench_has_one_grid_and_one_rest():
    assert {recipes.get(arm, "tiny").lr for arm in methods.METHODS} - {methods.REST_LR} <= set(methods.FROZEN_GRID)
