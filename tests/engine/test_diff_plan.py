"""Which matrices a diff measures, in which order, with how many draws."""

import pytest
from harness.engine import diff_plan
from harness.engine.diff_plan import Asked, opened, seed_of
from harness.errors import ModelError


@pytest.fixture
def base(small_model, tmp_path):
    return small_model(tmp_path / "base")


@pytest.fixture
def run(small_model, tmp_path):
    for step in (5, 10, 20):
        small_model(tmp_path / "run" / f"checkpoint-{step}", noise=step / 100)
    return str(tmp_path / "run")


def test_a_pair_is_one_task_a_matrix_one_of_each_module_first(base, run):
    tasks = list(opened(Asked(base, f"{run}/checkpoint-5")).tasks())
    assert [task.steps for task in tasks] == [((None, 3),)] * 4
    assert {task.name.split(".", 2)[2] for task in tasks[:2]} == {"mlp.up_proj", "self_attn.q_proj"}


@pytest.mark.parametrize(("draws", "expected"), [(None, (0, 0, 3)), (2, (2, 2, 2)), (0, (0, 0, 0))])
def test_a_trajectory_draws_at_its_last_step_unless_told_otherwise(draws, expected, base, run):
    plan = opened(Asked(base, trajectory=run, draws=draws))
    assert all(task.steps == tuple(zip((5, 10, 20), expected, strict=True)) for task in plan.tasks())


def test_the_last_step_that_can_be_read_has_the_draws(base, run, tmp_path):
    (tmp_path / "run" / "checkpoint-20" / "model.safetensors").write_bytes(b"cut")
    plan = opened(Asked(base, trajectory=run))
    assert plan.draws == {5: 0, 10: 3}
    [trouble] = plan.troubles
    assert trouble.startswith("step 20 is not measured: ") and "is not a whole safetensors file" in trouble


def test_a_trajectory_of_which_nothing_can_be_read_is_refused(base, run, tmp_path):
    for path in (tmp_path / "run").glob("*/config.json"):
        path.unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        opened(Asked(base, trajectory=run))


def test_a_matrix_that_a_step_lacks_is_measured_at_the_others(base, run, small_model, tmp_path):
    small_model(tmp_path / "run" / "checkpoint-10", noise=0.1, q_proj=lambda w: w[:-1])
    steps = {task.name: [number for number, _ in task.steps] for task in opened(Asked(base, trajectory=run)).tasks()}
    assert steps.pop("layers.0.self_attn.q_proj") == [5, 20]
    assert all(found == [5, 10, 20] for found in steps.values())


@pytest.mark.parametrize(("nulls", "large", "drawn"), [("auto", 2**28, 4), ("auto", 100, 2), ("all", 100, 4), ("sample", 2**28, 2)])
def test_large_models_have_draws_on_a_sample(nulls, large, drawn, base, run, monkeypatch):
    monkeypatch.setattr(diff_plan, "LARGE", large)
    monkeypatch.setattr(diff_plan, "SAMPLED", 1)
    plan = opened(Asked(base, f"{run}/checkpoint-5", nulls=nulls))
    assert len(plan.drawn) == drawn
    assert sum(draws > 0 for task in plan.tasks() for _, draws in task.steps) == drawn


def test_what_is_known_is_left_out(base, run):
    plan = opened(Asked(base, trajectory=run))
    known = {("layers.0.mlp.up_proj", 5, 0), ("layers.0.mlp.up_proj", 20, 3)}
    steps = {task.name: task.steps for task in plan.tasks(known)}
    assert steps["layers.0.mlp.up_proj"] == ((10, 0),) and len(steps["layers.1.mlp.up_proj"]) == 3


def test_more_to_read_is_more_work(base, run):
    pair, three = (next(opened(asked).tasks()) for asked in (Asked(base, f"{run}/checkpoint-5"), Asked(base, trajectory=run, draws=3)))
    assert three.work > 2 * pair.work


def test_a_seed_is_of_a_matrix():
    assert seed_of(0, "a") == seed_of(0, "a") != seed_of(0, "b") != seed_of(1, "b")
