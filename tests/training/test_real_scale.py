"""Training from a real model's weights: a folder with a tiny model in bf16, its last layer judged, stands in for SmolLM2."""

from dataclasses import replace

import pytest
import torch
from harness.errors import ModelError, TrainingError
from harness.models import scales, tiny, weights
from harness.models.quiet import quiet_transformers
from harness.models.scales import Scale
from harness.training import cache, recipes, train
from harness.training.cache import Request
from harness.training.recipe import MODEL
from safetensors.torch import load_file

ARMS = ("sft", "rlvr", "sft_off")
STEPS = (0, 1, 3, 4)
JUDGED = [f"layers.1.{each}" for each in ("mlp.down_proj", "mlp.gate_proj", "mlp.up_proj")] + [
    f"layers.1.self_attn.{each}_proj" for each in "koqv"
]


def request(arm: str) -> Request:
    return Request(arm, "small", 0)


def named(model_id: str) -> Scale:
    """The small scale with another model in its place."""
    return Scale("small", "hub", model_id, "a folder of this test", judged_layers=("last",))


@pytest.fixture
def folder(tmp_path):
    """A model folder as a hub would give it, in bf16."""
    model, tokenizer = tiny.build(0)
    with quiet_transformers():
        model.to(torch.bfloat16).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def released(folder):
    """The folder's parameters by name, fp32, read by safetensors alone."""
    return {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}


@pytest.fixture
def real_scale(folder, cache_folder, few_steps, no_evaluation, dense_reward, monkeypatch):
    """The small scale is that folder, its arms the tiny ones of a few steps; the folder of runs of an empty cache."""
    monkeypatch.setitem(scales.SCALES, "small", named(str(folder)))
    for arm in ARMS:
        monkeypatch.setitem(recipes.RECIPES, (arm, "small"), replace(recipes.get(arm, "tiny"), base=MODEL))
    return cache_folder


@pytest.fixture
def trained(real_scale):
    """A run of every arm."""
    return {arm: cache.ensure(request(arm)) for arm in ARMS}


def test_a_run_starts_from_the_models_folder_and_writes_no_file_for_it(trained, released):
    for run in trained.values():
        first = run.weights(0)
        assert first.keys() == released.keys() and {tensor.dtype for tensor in first.values()} == {torch.float32}
        assert all(torch.equal(first[name], tensor) for name, tensor in released.items())
        assert run.steps == STEPS
        assert sorted(path.name for path in run.path.glob("weights-*")) == [
            f"weights-00000{step}.safetensors" for step in STEPS[1:]
        ]


def test_the_logged_update_counts_from_the_folders_weights(trained, released):
    """In every arm, however many ran before it in this process: each loads the model anew."""
    for run in trained.values():
        last = run.weights()
        squares = [(last[name].double() - w0.double()).square().sum() for name, w0 in released.items() if "_proj" in name]
        assert len(squares) == 14
        assert run.log[-1]["update_norm"] == pytest.approx(sum(squares).sqrt().item(), rel=1e-6)


def test_steps_between_keep_the_judged_matrices_and_the_last_every_parameter(trained, released):
    for run in trained.values():
        for step in (1, 3):
            assert sorted(run.weights(step)) == [f"model.{name}.weight" for name in JUDGED]
        assert run.weights().keys() == run.weights(4).keys() == released.keys()


def test_matrices_of_every_kept_step_are_the_judged_ones(trained, released, folder):
    run = trained["rlvr"]
    for step in run.steps:
        found, kept = run.matrices(step), run.weights(step)
        assert list(found) == JUDGED
        assert all(torch.equal(tensor, kept[f"model.{name}.weight"]) for name, tensor in found.items())
    assert run.matrices().keys() == run.matrices(0).keys() == weights.matrices(folder, ("last",)).keys()
    assert all(torch.equal(run.matrices(0)[name], released[f"model.{name}.weight"]) for name in JUDGED)


def test_the_change_runs_from_the_folder_to_the_weights_files(trained, released):
    for arm, run in trained.items():
        change = run.change()
        assert [step for step, _ in change.trajectory] == [1, 3, 4]
        for step, snapshot in change.trajectory:
            stored = load_file(run.path / f"weights-00000{step}.safetensors")
            for name in JUDGED:
                w0, w = released[f"model.{name}.weight"], stored[f"model.{name}.weight"]
                assert torch.equal(snapshot.base[name], w0) and torch.equal(snapshot.tuned()[name], w)
                assert snapshot.norm()[name] == pytest.approx((w.double() - w0.double()).norm().item()) != 0
        assert list(change.base) == JUDGED and change.norm() == change.trajectory[-1][1].norm()
        assert change.arm == arm and change.head_map is None and change.run_keys == (run.key,)


def test_a_run_tells_the_model_at_its_root(trained, folder):
    for arm, run in trained.items():
        assert run.root == str(folder) and run.base is None and run.manifest["base"] is None
        assert cache.lineage([request(arm)]) == [request(arm)]
    assert cache.ensure(Request("sft", "tiny", 0)).root is None


def test_another_model_is_another_key(real_scale, folder, monkeypatch):
    first, on_tiny = request("rlvr").key, Request("rlvr", "tiny", 0).key
    monkeypatch.setitem(scales.SCALES, "small", replace(named(str(folder)), description="the same", judged_layers=None))
    assert request("rlvr").key == first
    monkeypatch.setitem(scales.SCALES, "small", named("owner/another"))
    assert len({request("rlvr").key, first, on_tiny}) == 3
    assert Request("rlvr", "tiny", 0).key == on_tiny


def test_the_same_key_gives_the_same_bits_in_any_order(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "again"))
    for arm in reversed(ARMS):
        first, again = trained[arm], cache.ensure(request(arm))
        assert again.key == first.key and again.path != first.path
        for step in STEPS[1:]:
            pairs = first.weights(step), again.weights(step)
            assert all(torch.equal(pairs[0][name], pairs[1][name]) for name in pairs[0])
        drop = {"seconds": None}
        assert [row | drop for row in again.log] == [row | drop for row in first.log]


def test_training_leaves_the_folder_as_it_was(real_scale, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for arm in ARMS:
        cache.ensure(request(arm))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_capability_is_read_at_every_kept_step_from_the_weights_of_that_step(real_scale, monkeypatch):
    seen = []

    def read(model, tokenizer, tasks):
        seen.append(weights.matrices(model, ("last",)))
        return {task.name: len(seen) / 10 for task in tasks}

    monkeypatch.setattr(train, "capability", read)
    run = cache.ensure(request("rlvr"))
    for step, found in zip(STEPS, seen, strict=False):
        assert all(torch.equal(found[name], tensor) for name, tensor in run.matrices(step).items()), step
    assert {step: each["addition"] for step, each in run.capability_by_step.items()} == dict(zip(STEPS, (0.1, 0.2, 0.3, 0.4)))
    assert run.capability == {"addition": 0.4} and run.capability_bf16 == {"addition": 0.5}
    assert [each.capability["addition"] for _, each in run.change().trajectory] == [0.2, 0.3, 0.4]


def test_an_off_policy_arm_is_graded_by_its_twin(trained):
    run = trained["sft_off"]
    assert run.manifest["graded"] == "prefixed_addition" and set(run.capability) == {"addition", "prefixed_addition"}
    assert run.log[0]["loss"] != trained["sft"].log[0]["loss"]


@pytest.mark.parametrize(
    ("scale", "base", "reason"),
    [
        ("tiny", MODEL, "The recipe of rlvr starts from model: scale 'tiny' cannot."),
        ("small", "sft", "The recipe of rlvr starts from sft: scale 'small' cannot."),
        ("small", None, "The recipe of rlvr starts from nothing: scale 'small' cannot."),
    ],
    ids=["scale=tiny-base=model", "scale=small-base=sft", "scale=small-base=None"],
)
def test_a_base_that_the_scale_cannot_have_is_one_sentence(real_scale, monkeypatch, scale, base, reason):
    wrong = Request("rlvr", scale, 0)
    monkeypatch.setitem(recipes.RECIPES, ("rlvr", scale), replace(recipes.get("rlvr", scale), base=base))
    with pytest.raises(TrainingError) as caught:
        cache.ensure(wrong)
    assert str(caught.value) == reason
    assert cache.find(wrong) is None and not wrong.path.exists()


def test_a_missing_model_caches_nothing(real_scale, tmp_path, monkeypatch):
    monkeypatch.setitem(scales.SCALES, "small", named(str(tmp_path / "nowhere")))
    with pytest.raises(ModelError, match="nowhere is not a folder"):
        cache.ensure(request("rlvr"))
    assert {path.name for path in real_scale.iterdir()} <= {f"{request('rlvr').key}.lock"}


def test_a_run_whose_model_went_says_so_and_keeps_its_last_weights(trained, folder):
    folder.rename(folder.with_name("moved"))
    run = trained["sft"]
    for read in (lambda: run.weights(0), lambda: run.matrices(1), run.change):
        with pytest.raises(ModelError, match="model is not a folder"):
            read()
    assert len(run.weights()) == 21
