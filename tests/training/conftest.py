"""Few-step recipes and a private cache, so that a test trains for half a second and touches nobody's runs."""

from dataclasses import replace

import pytest
from harness.training import recipes

FEW = {"steps": 4, "snapshots": 3, "warmup": 2}


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """The folder of runs of an empty cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "runs"


@pytest.fixture
def few_steps(monkeypatch):
    """Every recipe cut down to 4 steps of 16 sequences, keeping steps 0, 1, 3 and 4."""
    for (arm, scale), recipe in list(recipes.RECIPES.items()):
        monkeypatch.setitem(recipes.RECIPES, (arm, scale), replace(recipe, batch=16, **FEW))


@pytest.fixture
def no_evaluation(monkeypatch):
    """Capability without lm-eval, whose import costs seconds; one test measures the real one."""
    from harness.training import train

    monkeypatch.setattr(train, "capability", lambda model, tokenizer, tasks: {task.name: 0.5 for task in tasks})


@pytest.fixture
def dense_reward(monkeypatch):
    """A reward that a blank model earns every other time, so that four steps of RL have a gradient."""
    from harness.training import rlvr

    monkeypatch.setattr(rlvr, "rewards", lambda tokenizer, task, problems, rollout: (rollout.completions[:, 0] % 2).float())
