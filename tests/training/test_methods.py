"""The bench's arms: equal but for their factor, and each at the rate that the recorded tuning losses choose."""

import hashlib
import json
from dataclasses import fields

import pytest
from harness.optimizers import preset
from harness.training import methods, recipes
from harness.training.recipe import Recipe

ADAMW = recipes.get("lm_adamw", "tiny")


@pytest.mark.parametrize("arm", [*methods.METHODS, "lm_shuffled"], ids="arm={}".format)
def test_an_arm_of_the_bench_differs_in_its_factor_alone(arm):
    here = recipes.get(arm, "tiny")
    differing = {f.name for f in fields(Recipe) if getattr(here, f.name) != getattr(ADAMW, f.name)} - {"arm", "cost_s"}
    factor = {"lm_adamw": set(), "lm_shuffled": {"lm"}, "lm_frozen": {"matrices", "lr"}}.get(arm, {"matrices"})
    assert differing == factor


@pytest.mark.parametrize("arm", methods.METHODS, ids="arm={}".format)
def test_every_rate_is_the_best_of_one_grid(arm):
    """As many rates for each method; the recipe has the one with the least recorded loss, which is no edge of its grid."""
    losses, grid = methods.TUNED[arm], methods.grid(arm)
    assert len(losses) == len(grid) == len(methods.GRID)
    best = grid[min(range(len(losses)), key=lambda i: losses[i])]
    assert grid[0] < best < grid[-1]
    recipe = recipes.get(arm, "tiny")
    assert (recipe.lr if arm == "lm_frozen" else recipe.matrices.lr) == best == methods.rate(arm)


def test_tuning_seeds_are_not_judged():
    assert min(methods.TUNING_SEEDS) >= 100


@pytest.mark.parametrize("arm", [arm for arm, m in methods.METHODS.items() if m.method not in methods.PLAIN], ids="arm={}".format)
def test_every_subspace_has_the_bench_rank(arm):
    chosen = methods.METHODS[arm]
    assert preset(chosen.method, **chosen.settings)["subspace"].rank == (1 if arm == "lm_apollo_mini" else 16)


def test_presets_are_those_that_the_runs_were_trained_with(monkeypatch):
    """A run's key holds a preset's name alone: whoever changes one, or how it steps, raises methods.VERSION."""
    since = {"sketch_rank": 0}  # an option that came later, at the value that steps as before
    found = {
        arm: {**chosen, "subspace": dict(chosen["subspace"].plain().items() - since.items()), "lr": None}
        for arm, m in methods.METHODS.items()
        if m.method not in methods.PLAIN
        for chosen in [preset(m.method, **m.settings)]
    }
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
    assert (methods.VERSION, digest) == (1, "4604bf6a6e4ef480")
    before = ADAMW.key("tiny", 0, None)
    monkeypatch.setattr(methods, "VERSION", 2)
    assert ADAMW.key("tiny", 0, None) != before
