"""The arms of RLVR whose matrices are stepped apart: equal but for that, each at the rate that the recorded rewards choose."""

import math
from dataclasses import fields, replace

import pytest
from harness.training import methods, recipes, rl_methods, tune
from harness.training.recipe import Recipe

RLVR = recipes.get("rlvr", "tiny")


@pytest.mark.parametrize("arm", rl_methods.METHODS, ids="arm={}".format)
def test_an_arm_differs_from_rlvr_in_how_matrices_are_stepped(arm):
    """And in what it keeps on disk, which changes no weight."""
    here = recipes.get(arm, "tiny")
    differing = {f.name for f in fields(Recipe) if getattr(here, f.name) != getattr(RLVR, f.name)}
    assert differing - {"arm", "cost_s", "snapshots"} == {"matrices"}
    assert here.matrices.method == rl_methods.METHODS[arm].method


def test_the_twin_sees_other_problems_at_the_same_rate():
    twin, arm = (recipes.get(name, "tiny") for name in ("rl_adamw_twin", "rl_adamw"))
    assert replace(twin, arm="rl_adamw", data_seed_offset=0) == arm
    assert twin.data_seed_offset == recipes.get("rlvr_twin", "tiny").data_seed_offset


@pytest.mark.parametrize("arm", rl_methods.tuned_arms(), ids="arm={}".format)
def test_every_rate_is_the_best_of_one_grid(arm):
    """The same factors for each method; the recipe has the rate with the highest recorded reward, at no edge of its grid."""
    rewards, grid = rl_methods.TUNED[arm], rl_methods.grid(arm)
    factors = sorted((*rl_methods.FACTORS, *rl_methods.EXTENDED.get(arm, ())))
    assert len(rewards) == len(grid) and grid == pytest.approx([f * rl_methods.CENTRES[arm] for f in factors], rel=0.05)
    best = grid[max(range(len(rewards)), key=lambda i: rewards[i])]
    assert grid[0] < best < grid[-1]
    assert recipes.get(arm, "tiny").matrices.lr == best == rl_methods.rate(arm)


def test_every_arm_but_the_frozen_one_is_tuned_and_no_tuning_seed_is_judged():
    assert set(rl_methods.METHODS) - set(rl_methods.tuned_arms()) == {"rl_frozen"}
    assert rl_methods.rate("rl_frozen") == 0.0
    assert set(rl_methods.TUNED) == set(rl_methods.CENTRES) and min(rl_methods.TUNING_SEEDS) >= 100


def test_methods_and_settings_are_ones_that_optimizers_know():
    from harness.optimizers import iso_preset

    for chosen in rl_methods.METHODS.values():
        assert chosen.method in methods.PLAIN
        if chosen.method in methods.ISOSPECTRAL:
            iso_preset(chosen.method, **chosen.settings)


@pytest.fixture
def tried(cache_folder, monkeypatch):
    """Training replaced by a reward that is highest at iso's centre; the list of what was trained."""
    found = []

    def stand_in(recipe, seed):
        found.append((recipe.arm, recipe.matrices.lr, seed))
        off = abs(math.log(recipe.matrices.lr / rl_methods.CENTRES["iso"]))
        return None if off > 1.1 and recipe.matrices.lr > rl_methods.CENTRES["iso"] * 2 else 0.4 - off / 10 + seed / 1e5

    monkeypatch.setattr(tune, "_train", stand_in)
    return found


def test_the_largest_mean_reward_is_printed_as_the_best(tried, capsys):
    tune.main(["iso"])
    line = capsys.readouterr().out
    assert line.startswith('    "iso": (0.1') and line.endswith('float("-inf")),  # 0.00075\n')
    assert tried == [("iso", rate, seed) for rate in rl_methods.grid("iso") for seed in rl_methods.TUNING_SEEDS]
    tune.tune("iso")
    assert len(tried) == 2 * len(rl_methods.grid("iso"))


def test_one_real_step_gives_its_reward_and_leaves_no_weights(cache_folder, dense_reward):
    recipe = replace(recipes.rl_arm("iso", 1e-4), base=None, steps=1, warmup=0)
    assert 0.0 <= tune.tuning_reward(recipe, 100) <= 1.0
    assert [path.suffix for path in cache_folder.parent.rglob("*") if path.is_file()] == [".json"]
