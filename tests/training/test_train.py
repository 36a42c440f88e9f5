import json
from dataclasses import replace

import pytest
import torch
from harness.errors import TrainingError
from harness.models import tiny
from harness.training import cache, recipes, train
from harness.training.cache import Request

ARMS = ("sft", "rlvr", "rlvr_twin")


def run(arm: str, seed: int = 0):
    return cache.ensure(Request(arm, "tiny", seed))


@pytest.fixture
def trained(cache_folder, few_steps, no_evaluation, dense_reward):
    """Runs of every arm, a few steps each."""
    return {arm: run(arm) for arm in ("pretrain", *ARMS)}


def test_an_arm_starts_from_the_last_weights_of_its_base(trained):
    last = trained["pretrain"].weights()
    for arm in ARMS:
        first = trained[arm].weights(0)
        assert first.keys() == last.keys()
        assert all(torch.equal(first[name], last[name]) for name in last)
    initial = dict(tiny.build(0).model.named_parameters())
    assert all(torch.equal(initial[name], tensor) for name, tensor in trained["pretrain"].weights(0).items())


def test_a_base_is_released_on_the_bf16_grid_and_arms_leave_it(trained):
    last = trained["pretrain"].weights()
    assert all(torch.equal(tensor.bfloat16().float(), tensor) for tensor in last.values())
    for arm in ARMS:
        assert not all(torch.equal(tensor.bfloat16().float(), tensor) for tensor in trained[arm].weights().values())


@pytest.mark.parametrize("arm", ["pretrain", *ARMS], ids="arm={}".format)
def test_the_same_key_gives_the_same_bits(arm, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "again"))
    again = run(arm)
    assert again.key == trained[arm].key and again.path != trained[arm].path
    first, second = trained[arm].weights(), again.weights()
    assert all(torch.equal(first[name], second[name]) for name in first)
    drop = {"seconds": None}
    assert [row | drop for row in again.log] == [row | drop for row in trained[arm].log]


def test_twin_and_seed_give_other_weights(trained):
    first, twin, other = (each.weights()["lm_head.weight"] for each in (trained["rlvr"], trained["rlvr_twin"], run("rlvr", 1)))
    assert not torch.equal(first, twin) and not torch.equal(first, other)


def test_the_change_is_the_update_that_the_log_states(trained):
    for arm in ARMS:
        change = trained[arm].change()
        assert trained[arm].log[-1]["update_norm"] > 0
        assert sum(v**2 for v in change.norm().values()) ** 0.5 == pytest.approx(trained[arm].log[-1]["update_norm"])
        assert [step for step, _ in change.trajectory] == [1, 3, 4]
        assert change.arm == arm and change.seed == 0 and change.capability == {"addition": 0.5, "sorting": 0.5}
        assert change.run_keys == (trained[arm].key, trained["pretrain"].key)
        assert set(change.base) == set(trained[arm].matrices()) and len(change.base) == 14


def test_weights_are_fp32_and_only_kept_steps_can_be_read(trained):
    assert {tensor.dtype for tensor in trained["rlvr"].weights().values()} == {torch.float32}
    with pytest.raises(TrainingError, match=r"kept steps \[0, 1, 3, 4\], not 2"):
        trained["rlvr"].weights(2)


def test_damaged_weights_are_one_sentence(trained):
    path = trained["sft"].path / "weights-000004.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(TrainingError, match="cannot be read .*delete the folder to retrain"):
        trained["sft"].weights()


def test_rl_logs_reward_and_kl_and_the_others_do_not(trained):
    first, last = trained["rlvr"].log[0], trained["rlvr"].log[-1]
    assert 0 <= first["reward"] <= 1 and first["kl"] == 0.0 and last["kl"] >= 0.0
    assert trained["sft"].log[0]["reward"] is None and trained["pretrain"].log[0]["kl"] is None


def test_the_manifest_states_the_recipe_and_the_versions(trained):
    manifest = json.loads((trained["rlvr"].path / "manifest.json").read_text())
    assert manifest["recipe"]["arm"] == "rlvr" and manifest["base"] == trained["pretrain"].key
    assert manifest["torch"] == torch.__version__ and manifest["device"] == "cpu"
    assert set(manifest["files"]) == {path.name for path in trained["rlvr"].path.iterdir()} - {"manifest.json"}


def test_a_diverging_run_caches_nothing(cache_folder, few_steps, no_evaluation, monkeypatch):
    wild = replace(recipes.get("pretrain", "tiny"), lr=1e30)
    monkeypatch.setitem(recipes.RECIPES, ("pretrain", "tiny"), wild)
    with pytest.raises(TrainingError, match="pretrain run of seed 3 at scale tiny diverged"):
        run("pretrain", 3)
    assert not [path for path in cache_folder.iterdir() if path.is_dir()]


def test_a_run_without_signal_caches_nothing(cache_folder, few_steps, no_evaluation, monkeypatch):
    from harness.training import rlvr

    monkeypatch.setattr(rlvr, "rewards", lambda tokenizer, task, problems, rollout: torch.zeros(len(problems)))
    for arm in ("rlvr", "raft"):
        with pytest.raises(TrainingError, match=f"The {arm} run of seed 0 at scale tiny has no signal"):
            run(arm)
        assert cache.find(Request(arm, "tiny", 0)) is None and not Request(arm, "tiny", 0).record.exists()


def test_a_rotated_run_starts_from_the_same_function_and_goes_back(trained):
    """The base of its update is the unrotated base to fp32 rounding; the update's norm is kept."""
    from harness.interventions import rotate_back

    rotated, plain = run("rlvr_rotated"), trained["rlvr"]
    change, home = rotated.change(), rotate_back(rotated.change(), rotated.change().head_map)
    assert plain.change().head_map is None
    values = [name for name in change.base if name.endswith(("v_proj", "o_proj"))]
    assert len(values) == 4
    for name, w0 in plain.change().base.items():
        assert torch.equal(change.base[name], w0) != (name in values)
        torch.testing.assert_close(home.base[name], w0, rtol=0, atol=1e-6)
    assert dict(home.norm()) == pytest.approx(dict(change.norm()))
    models = [tiny.build(0) for _ in range(2)]
    for (model, _), weights in zip(models, (rotated.weights(0), plain.weights(0)), strict=True):
        train.load_weights(model, weights)
    ids = models[0].tokenizer(["07+42=49.", "s:4172="], padding=True, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        one, other = (model(ids).logits for model, _ in models)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_arms_of_one_seed_share_their_rotation(trained):
    first, second = run("sft_rotated").weights(0), run("rlvr_sgd_rotated").weights(0)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_sparse_run_moves_its_half_of_every_matrix(trained):
    update = run("sparse_low").change().update
    assert all((d != 0).float().mean() == pytest.approx(0.5, abs=0.01) for d in update.values())


@pytest.mark.parametrize("arm", ["rlvr_isospectral", "sft_spectrum_only"])
def test_a_run_keeps_its_spectrum_or_its_frames(trained, arm):
    """Every kept step, to fp32: nothing of the spectrum moved, or nothing but the diagonal in the base's frame."""
    from harness.spectra import Frame, isospectral_distance

    for _, change in run(arm).change().trajectory:
        drift = isospectral_distance(change)
        for name, size in change.norm().items():
            frame, rounding = Frame.of(change.base[name]), 1e-6 * change.base[name].norm().item()
            along = (frame.U * frame.read(change.update[name]).C.diagonal()) @ frame.V.T
            missed = drift[name] if arm == "rlvr_isospectral" else (change.update[name] - along).norm().item()
            assert missed < rounding < 0.01 * size


def test_an_off_policy_arm_is_graded_by_its_twin(trained):
    found = run("sft_off")
    assert found.manifest["graded"] == "prefixed_addition"
    assert set(found.capability) == {"addition", "prefixed_addition", "sorting"}
    first = {arm: run(arm).log[0]["loss"] for arm in ("sft", "sft_off")}
    assert first["sft"] != first["sft_off"]


def test_capability_is_known_at_every_snapshot(cache_folder, few_steps, dense_reward, monkeypatch):
    """Gain is accuracy over step 0, on the task that the arm is graded by."""
    told = iter([0.2, 0.3, 0.6, 0.7, 0.7, *[0.4, 0.5, 0.8, 0.9, 0.9]])
    monkeypatch.setattr(train, "capability", lambda model, tokenizer, tasks: dict.fromkeys([t.name for t in tasks], next(told)))
    run("pretrain")
    found = run("rlvr")
    assert {step: seen["addition"] for step, seen in found.capability_by_step.items()} == {0: 0.4, 1: 0.5, 3: 0.8, 4: 0.9}
    assert found.gain() == pytest.approx(0.5) and found.gain(1) == pytest.approx(0.1) and found.gain(0) == 0.0
    change = found.change()
    assert [(step, each.capability["sorting"]) for step, each in change.trajectory] == [(1, 0.5), (3, 0.8), (4, 0.9)]
    assert change.gain == pytest.approx(0.5) and change.trajectory[0][1].gain == pytest.approx(0.1)
    assert change.matched(change.trajectory[0][1], on="gain").match["step"] == 1


def test_capability_by_step_reads_the_weights_of_that_step(cache_folder, few_steps, dense_reward, monkeypatch):
    seen = []

    def head(model, tokenizer, tasks):
        seen.append(model.lm_head.weight.detach().clone())
        return {task.name: 0.5 for task in tasks}

    monkeypatch.setattr(train, "capability", head)
    for arm in ("pretrain", "rlvr"):
        seen.clear()
        found = run(arm)
        for step, weight in zip(found.steps, seen, strict=False):
            assert torch.equal(weight, found.weights(step)["lm_head.weight"]), step
        assert torch.equal(seen[-1], found.weights()["lm_head.weight"].bfloat16().float())


def test_capability_comes_from_lm_eval_for_every_task_of_the_lineage(cache_folder, few_steps, monkeypatch):
    """A model of four steps knows nothing, and says so in numbers."""
    monkeypatch.setattr(train, "EVALUATED", 20)
    found = run("sft")
    assert set(found.capability) == set(found.capability_bf16) == {"addition", "sorting"}
    assert all(0 <= share <= 0.2 for share in [*found.capability.values(), *found.capability_bf16.values()])


def test_rounded_weights_lie_on_the_bf16_grid():
    model = tiny.build(0).model
    seen = dict(train.rounded(model).named_parameters())
    for name, weight in model.named_parameters():
        assert seen[name].dtype == torch.float32 and torch.equal(seen[name], weight.bfloat16().float())
        assert weight.ndim < 2 or not torch.equal(seen[name], weight)


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(TrainingError, match="another architecture"):
        train.load_weights(tiny.build(0).model, {"lm_head.weight": torch.zeros(3, 3)})


def test_second_moments_are_adams_own(cache_folder, few_steps, no_evaluation, monkeypatch):
    """Truth: v <- b2 v + (1 - b2) g^2 by hand, over the gradients that the optimizer was given."""
    seen = {}
    step = torch.optim.AdamW.step

    def remembering(self, *args):
        for group in self.param_groups:
            for at, p in enumerate(group["params"]):
                seen.setdefault(at, []).append(p.grad.clone())
        return step(self, *args)

    base = run("pretrain_three")
    monkeypatch.setattr(torch.optim.AdamW, "step", remembering)
    kept = run("sft_reversal")
    monkeypatch.undo()
    moments = kept.second_moments()
    assert moments.keys() == base.weights().keys() and len(seen[0]) == 4
    for at, (name, _) in enumerate(tiny.build(0).model.named_parameters()):
        v = torch.zeros_like(moments[name])
        for g in seen[at]:
            v = 0.999 * v + 0.001 * g.square()
        assert torch.allclose(moments[name], v, rtol=1e-4, atol=0.0)


def test_second_moments_that_were_not_kept_are_one_sentence(trained):
    assert trained["sft"].recipe["keeps"] is None and "second_moments.safetensors" not in trained["sft"].manifest["files"]
    with pytest.raises(TrainingError, match="The recipe of sft keeps no second moments"):
        trained["sft"].second_moments()
