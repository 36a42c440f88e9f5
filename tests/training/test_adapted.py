"""Adapters inside a run: they alone move, kilobytes are kept, what is read is what the model computed, and steps can be matched."""

from dataclasses import replace

import pytest
import torch
from harness.errors import ModelError, SpecError, TrainingError
from harness.models.adapters import Adaptation
from harness.training import cache, recipes, runs
from harness.training.cache import Request
from harness.training.recipe import Recipe

KINDS = ("pretrain", "sft", "raft", "rlvr")


@pytest.fixture
def arm(cache_folder, few_steps, no_evaluation, dense_reward, monkeypatch):
    """Adds an adapted arm and trains it."""

    def add(name, of="sft", *, lr=1e-2, **adapter):
        recipe = replace(recipes.get(of, "tiny"), arm=name, lr=lr, adapter=Adaptation(**{"tuner": "lora", "rank": 4} | adapter))
        monkeypatch.setitem(recipes.RECIPES, (name, "tiny"), recipe)
        return Request(name, "tiny", 0)

    return add


@pytest.mark.parametrize("of", KINDS)
def test_any_arm_takes_an_adapter_and_only_adapted_matrices_move(arm, of):
    run = cache.ensure(arm("adapted", of, tuner="oft", targets=("q_proj", "down_proj")))
    first, last = run.weights(0), run.weights()
    moved = {name for name in first if not torch.equal(first[name], last[name])}
    assert moved == {name for name in first if "q_proj" in name or "down_proj" in name}
    assert first.keys() == last.keys() and all(first[name].shape == last[name].shape for name in first)


def test_kilobytes_are_kept_and_read_as_the_update_that_was_logged(arm):
    run = cache.ensure(arm("adapted"))
    kept = {path.name for path in run.path.iterdir()} - {runs.MANIFEST, runs.LOG}
    assert kept == {runs.FIXED, *(runs.adapter_name(step) for step in run.steps)}
    full = sum(w.numel() * 4 for w in run.weights().values())
    assert sum((run.path / name).stat().st_size for name in kept) < full / 2
    by_step = dict(run.change().trajectory)
    for step, change in by_step.items():
        norm = sum(v**2 for v in change.norm().values()) ** 0.5
        assert norm == pytest.approx(run.log[step - 1]["update_norm"], rel=1e-5)
    assert run.manifest["adapter"]["trainable"] == sum(t.numel() for t in run.adapter_tensors().values())


def test_the_base_of_a_rotated_arm_is_rotated(arm):
    request = arm("adapted")
    recipes.RECIPES["adapted", "tiny"] = replace(request.recipe, rotate=True)
    run = cache.ensure(request)
    assert not torch.equal(run.matrices(0)["layers.0.self_attn.v_proj"], run.base.matrices()["layers.0.self_attn.v_proj"])
    assert run.change().relative_norm()["layers.0.self_attn.v_proj"] < 0.5


def test_adapters_are_drawn_by_the_run_or_by_their_own_seed(arm):
    def factors(request, seed):
        tensors = cache.ensure(replace(request, seed=seed)).adapter_tensors(0)
        return next(t for name, t in tensors.items() if "lora_A" in name)

    own, shared = arm("own"), arm("shared", seed=7)
    assert not torch.equal(factors(own, 0), factors(own, 1))
    assert torch.equal(factors(shared, 0), factors(shared, 1))


@pytest.mark.parametrize("tuner", ["pissa", "oft"])
def test_a_matched_arm_takes_a_first_step_of_the_same_norm(arm, tuner):
    reference = cache.ensure(arm("reference"))
    request = arm("matched", tuner=tuner, matches="reference")
    found = cache.ensure(request).manifest["adapter"]["matched"]
    assert found["norm"] == pytest.approx(found["target"], rel=0.02)
    assert found["lr"] != request.recipe.lr
    once = request.recipe.warmup or 1
    assert found["target"] == pytest.approx(reference.log[0]["update_norm"], rel=1e-4) or once > 1
    unmatched = cache.ensure(arm("unmatched", tuner=tuner))
    assert abs(unmatched.log[0]["update_norm"] / reference.log[0]["update_norm"] - 1) > 0.05


def test_the_key_knows_the_adapter_its_row_and_what_it_is_matched_to(arm, monkeypatch):
    of = arm("reference").recipe
    plain = recipes.get("sft", "tiny")
    variants = [plain, of, *(replace(of, adapter=replace(of.adapter, **change)) for change in ({"rank": 2}, {"seed": 1}, {"tuner": "pissa"}))]
    matched = replace(of, arm="other", adapter=replace(of.adapter, matches="reference"))
    keys = [each.key("tiny", 0, "base") for each in (*variants, matched)]
    assert len(set(keys)) == len(keys)
    monkeypatch.setitem(recipes.RECIPES, ("reference", "tiny"), replace(of, lr=1.0))
    assert matched.key("tiny", 0, "base") != keys[-1]


def test_matching_to_an_arm_without_an_adapter_is_a_sentence(arm):
    with pytest.raises(SpecError, match="which has no adapter"):
        arm("other", matches="sft").key  # noqa: B018


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mask": "random"}, "an adapter trains alone"),
        ({"storage": "bf16"}, "an adapter trains alone"),
        ({"adapter": Adaptation("lora", matches="sft")}, "matched to its own"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_says_so_when_it_is_built(changes, sentence):
    with pytest.raises(SpecError, match=sentence):
        Recipe("sft", "addition", 1, 1, 1e-3, **{"adapter": Adaptation("lora"), "base": "pretrain"} | changes)


def test_adapter_tensors_of_a_run_without_any_are_refused(cache_folder, few_steps, no_evaluation):
    with pytest.raises(TrainingError, match="trained no adapters"):
        cache.ensure(Request("pretrain", "tiny", 0)).adapter_tensors()


def test_a_merge_that_is_not_finite_ends_the_run_and_is_named(arm, cache_folder):
    """A step of 1e30 in both factors: each is finite, their product is not."""
    request = arm("adapted", tuner="pissa", lr=1e30, targets=("up_proj",))
    with pytest.raises(TrainingError, match=r"diverged at step \d \(.*layers\.0\.mlp\.up_proj merged, update norm (inf|nan)\)"):
        cache.ensure(request)
    assert not [path for path in cache_folder.iterdir() if ".tmp-" in path.name]


def test_a_layer_that_the_model_lacks_is_a_sentence(arm, cache_folder):
    with pytest.raises(ModelError, match="no linear layer named c_attn"):
        cache.ensure(arm("adapted", targets=("c_attn",)))
    assert not [path for path in cache_folder.iterdir() if ".tmp-" in path.name]
