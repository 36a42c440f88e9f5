"""What is timed is what is meant: frames are the weight's, a step moves them, retractions lead where polar does."""

import pytest
import torch
from harness.models import tiny
from harness.optimizers import IsoOptimizer, iso_preset
from suites.benchmarks import iso_rl_step, iso_table
from suites.benchmarks import iso_runs as runs
from suites.benchmarks.race import Seconds


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_given_frames_are_the_weights(shape):
    """So that no SVD is needed: the optimizer's own finds the same values, and a state of the same tensors."""
    one = runs.given(shape, seed=3)
    assert torch.allclose(torch.linalg.svdvals(one.weight), one.values, atol=1e-5)
    assert torch.allclose((one.left * one.values) @ one.right.T, one.weight)
    parameter = torch.nn.Parameter(one.weight.clone())
    chosen = IsoOptimizer([{"params": [parameter], **iso_preset("iso")}])
    chosen.frames(parameter)
    made, known = chosen.state[parameter], runs.state(one)
    assert {name: (t.shape, t.dtype) for name, t in made.items()} == {name: (t.shape, t.dtype) for name, t in known.items()}
    assert runs.first_step(one) >= 0.0


@pytest.mark.parametrize("method", ["adamw", *runs.METHODS])
def test_a_timed_step_moves_the_weight_and_iso_keeps_its_values(method):
    one = runs.given((48, 80))
    chosen = runs.optimizer(method, one, tighten=1)
    [parameter] = chosen.param_groups[0]["params"]
    for _ in range(3):
        chosen.step()
    moved = parameter.detach()
    assert (moved - one.weight).norm() > 1e-6 * one.weight.norm()
    error = (torch.linalg.svdvals(moved.double()) - torch.linalg.svdvals(one.weight.double())).norm() / one.values.norm()
    assert (error < 2e-6) == (method != "adamw")


def test_a_pass_gives_the_layers_gradient():
    one = runs.given((12, 20))
    step = runs.step("adamw", one, tokens=32)
    step()
    g = torch.Generator().manual_seed(0)
    x, pulled = (torch.randn(32, side, generator=g) for side in (20, 12))
    closure = dict(zip(step.__code__.co_freevars, (cell.cell_contents for cell in step.__closure__), strict=True))
    assert torch.allclose(closure["parameter"].grad, pulled.T @ x, atol=1e-4)


def test_mending_is_counted_every_sixteenth_step(monkeypatch):
    monkeypatch.setattr(runs, "step", lambda method, one, tokens, tighten=None: tighten)
    monkeypatch.setattr(runs, "cost", lambda call, count: Seconds(17.0 if call else 1.0))
    assert runs.run("block-cayley", None)() == pytest.approx(2.0)
    assert runs.run("newton-schulz", None)() == pytest.approx(1.0)


def test_retractions_are_compared_with_polar():
    one = runs.turn(96, 96, seed=1, lr=1e-3)
    wanted = runs.retracted("polar", one)
    apart = {name: runs.error(runs.retracted(name, one), wanted, one) for name in (*runs.METHODS, "none")}
    assert apart["polar"] == 0.0 and apart["newton-schulz"] < 1e-3
    assert max(apart["qr"], apart["cayley"]) < 0.05
    assert min(apart["block-cayley"], apart["none"]) > 0.3


@pytest.mark.parametrize("method", ["adamw", "newton-schulz"])
def test_an_rl_step_is_timed_from_the_same_weights_each_time(method, monkeypatch):
    from dataclasses import replace

    from harness.training import rlvr

    monkeypatch.setattr(rlvr, "rewards", lambda tokenizer, task, problems, rollout: (rollout.completions[:, 0] % 2).float())
    recipe = replace(iso_rl_step.tiny_recipe(method), batch=16, steps=3)
    assert (recipe.matrices is None) == (method == "adamw") and recipe.arm == "rlvr"
    made = tiny.build(0)
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    run = iso_rl_step.rl_step(made.model, made.tokenizer, recipe, 0)
    assert isinstance(run(), Seconds)
    after = {name: value.clone() for name, value in made.model.state_dict().items()}
    assert any(not torch.equal(before[name], after[name]) for name in before)
    run()
    assert all(torch.equal(after[name], value) for name, value in made.model.state_dict().items())


def test_a_slow_step_misses_its_goal():
    assert str(iso_table.over("a", "b", 3.0, 1.0, 1.5)).endswith("| 3.00 | ≤ 1.5 | no |")
    assert str(iso_table.over("a", "b", 1.0, 1.0, 1.5)).endswith("| 1.00 | ≤ 1.5 | yes |")
    assert iso_table.shapes(1024) == [(256, 256), (1024, 1024)]


def test_rows_of_small_shapes_are_printed(monkeypatch):
    monkeypatch.setattr(runs, "SHAPES", ((16, 16), (8, 24)))
    lines = [*iso_table.retractions(64), *iso_table.steps(64)]
    assert len(lines) == 2 * (len(runs.METHODS) - 1) + 2 * (len(runs.METHODS) + 1)
    assert all(line.ours > 0 for line in lines)
