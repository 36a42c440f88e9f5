import math
from dataclasses import replace

import pytest
from harness.training import methods, recipes, tune
from harness.training.runs import Diverged


@pytest.fixture
def tried(cache_folder, monkeypatch):
    """Training replaced by a parabola in log rate around .006; the list of what was trained."""
    found = []

    def stand_in(recipe, seed):
        found.append((recipe.arm, recipe.matrices.lr, seed))
        return None if recipe.matrices.lr == methods.GRID[-1] else abs(math.log(recipe.matrices.lr / 0.006)) + seed / 1000

    monkeypatch.setattr(tune, "_train", stand_in)
    return found


def test_the_mean_over_tuning_seeds_is_what_counts(tried):
    losses = tune.tune("lm_galore")
    assert tried == [("lm_galore", rate, seed) for rate in methods.GRID for seed in methods.TUNING_SEEDS]
    assert losses[2] == pytest.approx(0.1005)
    assert math.isinf(losses[-1])


def test_a_loss_that_is_known_is_not_trained_for_again(tried):
    assert tune.tune("lm_galore") == tune.tune("lm_galore")
    assert len(tried) == 2 * len(methods.GRID)


def test_the_table_is_printed_as_the_module_holds_it(tried, capsys):
    tune.main(["lm_galore"])
    line = capsys.readouterr().out
    assert line.startswith('    "lm_galore": (1.8923, ') and line.endswith('float("inf")),  # 0.006\n')


def test_one_real_step_gives_a_loss_on_the_tuning_split_and_leaves_no_weights(cache_folder):
    recipe = replace(recipes.bench_arm("lm_galore", 0.006), steps=1, warmup=0)
    assert tune.tuning_loss(recipe, 100) == pytest.approx(math.log(64), abs=0.5)
    assert [path.suffix for path in cache_folder.parent.rglob("*") if path.is_file()] == [".json"]


def test_a_run_that_diverges_is_infinitely_bad(cache_folder, monkeypatch):
    from harness.training import loop

    def diverges(*args, **options):
        raise Diverged("loss nan")

    monkeypatch.setattr(loop, "run_loop", diverges)
    assert tune.tuning_loss(recipes.bench_arm("lm_adamw", 0.006), 100) == math.inf
