"""Isospectral methods in recipes that are no language model: RL and SFT, from the cache as any arm."""

from dataclasses import replace

import pytest
import torch
from harness.errors import SpecError
from harness.models import tiny
from harness.optimizers import ISO_PRESETS
from harness.training import by_group, cache, methods, recipes
from harness.training.cache import Request
from harness.training.methods import Matrices


def error(first, last):
    """Largest |sigma - sigma0| / |sigma0| of the matrices."""
    found = {name: [torch.linalg.svdvals(w[name].double()) for w in (first, last)] for name in first if "_proj" in name}
    return max(((b - a).norm() / a.norm()).item() for a, b in found.values())


@pytest.fixture
def trained(cache_folder, few_steps, no_evaluation, dense_reward, monkeypatch):
    """trained(arm, method, ...) runs a few steps of the arm with its matrices stepped by the method."""

    def make(arm, method, lr=1e-3, **settings):
        changed = replace(recipes.get(arm, "tiny"), matrices=Matrices(method, lr, tuple(settings.items())))
        monkeypatch.setitem(recipes.RECIPES, (arm, "tiny"), changed)
        return cache.ensure(Request(arm, "tiny", 0))

    return make


def test_names_are_those_of_the_presets():
    assert set(methods.ISOSPECTRAL) == set(ISO_PRESETS)
    assert set(methods.ISOSPECTRAL) < set(methods.PLAIN)


def test_presets_are_those_that_runs_are_trained_with():
    """A run's key holds a preset's name alone: whoever changes one, or how it steps, raises methods.VERSION."""
    common = dict(gradient="euclidean", transport=False, retraction="newton-schulz", iterations=None, block=32, tighten=16)
    assert {name: options.plain() for name, options in ISO_PRESETS.items()} == {
        "iso": dict(base="adamw", momentum=0.9, train="frames", **common),
        "iso-muon": dict(base="muon", momentum=0.95, train="frames", **common),
        "spectrum-only": dict(base="adamw", momentum=0.9, train="spectrum", **common),
    }
    assert methods.VERSION == 1


@pytest.mark.parametrize("arm", ["rlvr", "sft"])
@pytest.mark.parametrize("method", methods.ISOSPECTRAL, ids="method={}".format)
def test_a_run_moves_what_its_method_trains(trained, arm, method):
    run = trained(arm, method)
    first, last = run.weights(0), run.weights()
    assert all(not torch.equal(first[name], last[name]) for name in first)
    if method == "spectrum-only":
        assert error(first, last) > 1e-5
        name = next(name for name in first if "_proj" in name)
        u, _, vh = torch.linalg.svd(first[name].double(), full_matrices=False)
        core = u.T @ (last[name] - first[name]).double() @ vh.T
        assert (core - core.diagonal().diag()).norm() < 1e-3 * core.norm()
    else:
        assert error(first, last) < 1e-5


def test_settings_reach_the_method(trained):
    sgd = trained("rlvr", "iso", base="sgd", gradient="riemannian", transport=True, retraction="polar")
    assert error(sgd.weights(0), sgd.weights()) < 1e-5
    with pytest.raises(SpecError, match="has no setting rank"):
        trained("rlvr", "iso", rank=4)


def test_a_recipe_that_decays_is_refused():
    recipe = replace(recipes.get("rlvr", "tiny"), matrices=Matrices("iso", 1e-3), weight_decay=0.1)
    with pytest.raises(SpecError, match="weight decay 0.1 would move the singular values"):
        by_group.build(recipe, tiny.build(0).model, seed=0)


@pytest.mark.parametrize(
    ("method", "formula"),
    [
        ("iso", lambda m, n, q: 3 * (m + n) * q + q),
        ("iso-muon", lambda m, n, q: 2 * (m + n) * q + q),
        ("spectrum-only", lambda m, n, q: (m + n) * q + 3 * q),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_remembered_has_the_size_of_the_formula(method, formula):
    model = tiny.build(0).model
    recipe = replace(recipes.get("rlvr", "tiny"), matrices=Matrices(method, 1e-3))
    optimizer = by_group.build(recipe, model, seed=0)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    shapes = {name.removeprefix("model.").removesuffix(".weight"): p.shape for name, p in model.named_parameters()}
    found = by_group.state_elements(optimizer, model)
    assert len(found) == 14
    assert found == {name: formula(*shapes[name], min(shapes[name])) for name in found}
