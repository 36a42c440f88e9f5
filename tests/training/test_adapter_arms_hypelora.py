"""The arms of the calibration bench differ in what trains and in nothing else, each at the best rate of one grid."""

from dataclasses import fields, replace

import pytest
from harness.models.tuners import adapt
from harness.training import adapter_arms_hypelora as arms
from harness.training import methods, recipes
from harness.training.loop import kept_steps
from harness.training.recipe import Recipe
from harness.training.train import with_weights

NAMES = tuple(arms.VARIANTS)


def numbers(arm):
    """How many numbers of an arm train."""
    model, _ = with_weights("tiny", 0, None)
    return sum(p.numel() for p in adapt(model, arms.VARIANTS[arm], 0).trainable().values())


@pytest.mark.parametrize("arm", NAMES, ids="arm={}".format)
def test_an_arm_differs_from_lora_in_what_trains_and_at_which_rate(arm):
    here, lora = recipes.get(arm, "tiny"), recipes.get("hl_lora", "tiny")
    differing = {f.name for f in fields(Recipe) if getattr(here, f.name) != getattr(lora, f.name)}
    assert differing <= {"arm", "adapter", "lr"} and here.adapter == arms.VARIANTS[arm]
    assert {arms.SHORT, arms.LONG} < set(kept_steps(here)) and here.schedule == "constant"


@pytest.mark.parametrize("arm", NAMES, ids="arm={}".format)
def test_every_rate_is_the_best_of_one_grid_and_no_edge(arm):
    losses, grid = arms.TUNED[arm], arms.grid(arm)
    assert len(losses) == len(grid) == len(arms.GRID)
    best = grid[losses.index(min(losses))]
    assert grid[0] < best < grid[-1] and recipes.get(arm, "tiny").lr == best == arms.rate(arm)


def test_rates_are_chosen_after_a_quarter_on_seeds_that_are_not_judged():
    assert recipes.pool_arm("hl_lora", 1e-3) == replace(recipes.get("hl_lora", "tiny"), lr=1e-3, steps=arms.SHORT)
    assert min(methods.TUNING_SEEDS) >= 100


def test_the_twin_sees_the_pool_in_another_order():
    assert replace(recipes.get("hl_lora_twin", "tiny"), arm="hl_lora", data_seed_offset=0) == recipes.get("hl_lora", "tiny")


def test_half_the_rank_trains_as_many_numbers_as_a_frozen_factor_leaves():
    lora, half, a, b = map(numbers, ("hl_lora", "hl_lora_half", "hl_frozen_a", "hl_frozen_b"))
    assert a + b == lora == 2 * half
    assert a == pytest.approx(half, rel=0.03) and b == pytest.approx(half, rel=0.03)
