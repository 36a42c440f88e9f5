import copy
from dataclasses import replace

import pytest
import torch
from harness.errors import TrainingError
from harness.models import tiny
from harness.training.loop import StepLoss, learning_rate, run_loop, snapshot_steps
from harness.training.recipe import Recipe
from harness.training.runs import Diverged

RECIPE = Recipe(arm="sft", task="addition", steps=6, batch=8, lr=1e-3, warmup=2, snapshots=4, weight_decay=0.1)
NAME = {"arm": "sft", "scale": "tiny", "seed": 0}


@pytest.fixture
def model():
    return tiny.build(0).model


def objective(model):
    """Cross-entropy on random tokens, the same at each call with the same step."""

    def loss(step: int) -> StepLoss:
        ids = torch.randint(4, 40, (8, 9), generator=torch.Generator().manual_seed(step))
        logits = model(ids, use_cache=False).logits[:, :-1]
        return StepLoss(torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()), reward=0.5)

    return loss


def run(model, recipe=RECIPE, **options):
    return run_loop(model, recipe, objective(model), name=NAME, **{"snapshot": lambda step: None, **options})


def test_six_steps_equal_a_plain_adamw_loop(model):
    """Reference: torch's AdamW written out, with clipping and the stated learning rates."""
    plain = copy.deepcopy(model)
    loss = objective(plain)
    optimizer = torch.optim.AdamW(plain.parameters(), weight_decay=0.1)
    for step in range(1, 7):
        optimizer.zero_grad()
        loss(step).loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 2)
        optimizer.step()
    run(model)
    for (name, a), b in zip(model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, msg=name)


def test_a_row_per_step_says_what_happened(model):
    start = copy.deepcopy(model)
    log = run(model)
    assert [row["step"] for row in log] == [1, 2, 3, 4, 5, 6]
    assert set(log[0]) == {"step", "loss", "reward", "kl", "grad_norm", "update_norm", "lr", "seconds"}
    assert log[0]["reward"] == 0.5 and log[0]["kl"] is None
    assert log[0]["loss"] == pytest.approx(objective(start)(1).loss.item(), rel=1e-6)
    pairs = zip(model.named_parameters(), start.parameters(), strict=True)
    squares = [(p.double() - q.double()).square().sum() for (name, p), q in pairs if name.endswith("_proj.weight")]
    assert len(squares) == 14
    assert log[-1]["update_norm"] == pytest.approx(sum(squares).sqrt().item())


@pytest.mark.parametrize(
    ("steps", "count", "kept"),
    [
        (500, 8, (0, 1, 3, 8, 22, 63, 177, 499, 500)),
        (30, 5, (0, 1, 3, 10, 29, 30)),
        (150, 2, (0, 149, 150)),
        (4, 3, (0, 1, 3, 4)),
        (2, 3, (0, 1, 2)),
        (1, 8, (0, 1)),
        (3, 9, (0, 1, 2, 3)),
    ],
    ids=str,
)
def test_snapshots_are_log_spaced_with_both_ends_and_the_last_but_one(steps, count, kept):
    assert snapshot_steps(steps, count) == kept


def test_the_last_two_snapshots_tell_the_update_of_the_last_step(model):
    """Truth: under a constant gradient Adam moves every entry by the step's learning rate, here a quarter of the peak."""
    seen, linear = {}, replace(RECIPE, schedule="linear", weight_decay=0.0, snapshots=2)

    def keep(step: int) -> None:
        seen[step] = model.lm_head.weight.detach().clone()

    log = run_loop(model, linear, lambda step: StepLoss(model.lm_head.weight.sum()), name=NAME, snapshot=keep)
    assert tuple(seen) == (0, 5, 6) and log[-1]["lr"] == RECIPE.lr / 4
    torch.testing.assert_close(seen[5] - seen[6], torch.full_like(seen[6], RECIPE.lr / 4), rtol=0, atol=1e-8)


def test_snapshots_are_taken_after_the_step_they_name(model):
    seen = {}
    run(model, snapshot=lambda step: seen.setdefault(step, model.lm_head.weight.detach().clone()))
    assert tuple(seen) == snapshot_steps(6, 4)
    assert torch.equal(seen[0], tiny.build(0).model.lm_head.weight) and torch.equal(seen[6], model.lm_head.weight)


def test_the_linear_schedule_warms_up_and_ends_near_zero():
    linear = Recipe(arm="a", task="addition", steps=10, batch=1, lr=1.0, warmup=2, schedule="linear")
    assert [learning_rate(linear, step) for step in range(1, 11)] == [0.5, 1.0, 1.0, *(i / 8 for i in range(7, 0, -1))]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=str)
def test_divergence_is_an_error_that_names_the_run(model, bad):
    def loss(step: int) -> StepLoss:
        return StepLoss(model.lm_head.weight.sum() * (bad if step == 3 else 1.0))

    with pytest.raises(TrainingError, match=r"sft run of seed 0 at scale tiny diverged at step 3 .*nothing was cached"):
        run_loop(model, RECIPE, loss, name=NAME, snapshot=lambda step: None)


def test_an_update_that_overflows_at_the_last_step_is_divergence_too(model):
    """Loss and gradient were finite to the end: what fp16 cannot hold is seen in the weights alone."""
    big = replace(RECIPE, lr=1e6, warmup=0, weight_decay=0.0, storage="fp16", steps=1)
    with pytest.raises(Diverged, match=r"diverged at step 1 \(update norm inf\)"):
        run(model, big)


def rewarded(model, rewards):
    """An objective whose batches earn what is listed, over and over."""
    return lambda step: StepLoss(model.lm_head.weight.square().sum(), reward=rewards[(step - 1) % len(rewards)])


@pytest.mark.parametrize("rewards", [[0.0], [1.0], [1.0, 0.0]], ids=str)
@pytest.mark.parametrize("steps", [5, 20, 40], ids="steps={}".format)
def test_a_reward_that_never_differs_in_a_batch_is_said(model, rewards, steps):
    told, recipe = [], replace(RECIPE, steps=steps, lr=1e-6)
    with pytest.raises(TrainingError, match=rf"sft run of seed 0 .* has no signal: .* first {min(steps, 20)} steps; nothing was"):
        run_loop(model, recipe, rewarded(model, rewards), name=NAME, snapshot=told.append)
    assert max(told) < min(steps, 20)  # stopped, not trained to the end


def test_one_batch_that_differs_is_a_signal(model):
    rewards = [0.0] * 19 + [0.01]
    assert len(run_loop(model, replace(RECIPE, steps=25), rewarded(model, rewards), name=NAME, snapshot=lambda step: None)) == 25


@pytest.mark.parametrize("storage", ["bf16", "fp16", "bf16_sr"])
def test_stored_weights_are_on_the_grid_after_every_step(model, storage):
    dtype = torch.float16 if storage == "fp16" else torch.bfloat16
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(dtype))

    def on_grid(step: int) -> None:
        assert all(torch.equal(p.to(dtype).float(), p) for p in model.parameters())

    log = run(model, replace(RECIPE, storage=storage, snapshots=6), snapshot=on_grid)
    assert log[-1]["update_norm"] > 0


def test_steps_under_half_a_bf16_ulp_are_lost_unless_rounded_at_random():
    """Steps of about 1e-6 on weights of about .02, whose half ulp is 6e-5 at most: none survives rounding to nearest."""
    tiny_steps = replace(RECIPE, lr=1e-6, warmup=0, weight_decay=0.0)
    norms = {}
    for storage in ("fp32", "bf16", "bf16_sr"):
        model = tiny.build(0).model
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(p.bfloat16())
        norms[storage] = run(model, replace(tiny_steps, storage=storage))[-1]["update_norm"]
    assert norms["bf16"] < 0.5 * norms["fp32"] < norms["bf16_sr"]


def test_progress_is_told_at_the_end_and_not_more_often_than_every_two_seconds(model):
    told = []
    run(model, progress=told.append)
    assert [line["step"] for line in told] == [6]
    assert set(told[0]) == {"arm", "scale", "seed", "step", "steps", "reward", "loss", "seconds", "seconds_left"}
    assert told[0]["seconds_left"] == 0
