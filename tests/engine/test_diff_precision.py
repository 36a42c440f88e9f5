"""fp32 where a sample has shown that it is enough, and nowhere else."""

import pytest
from harness.engine.diff_plan import Asked, opened
from harness.engine.diff_precision import Precision

SAMPLED, OTHER = "layers.0.mlp.up_proj", "layers.1.mlp.up_proj"


def off(error):
    return [{"metric": "nss", "value": 1.0}, {"metric": "fp32_error", "value": error}]


@pytest.fixture
def plan(small_model, tmp_path):
    """Of four matrices, on two of which null draws are made."""
    found = opened(Asked(small_model(tmp_path / "base"), small_model(tmp_path / "tuned", 0.1)))
    return found._replace(drawn=frozenset({SAMPLED, "layers.0.self_attn.q_proj"}))


def test_the_sample_is_read_both_ways_the_others_in_fp64_until_it_is_known(plan):
    precision = Precision(plan, 0.05)
    assert (precision.values(SAMPLED), precision.values(OTHER)) == ("both", "fp64")


@pytest.mark.parametrize(("error", "values"), [(0.0, "fp32"), (0.0049, "fp32"), (0.0051, "fp64"), (None, "fp64")])
def test_a_tenth_of_the_tolerance_is_asked_for(error, values, plan):
    precision = Precision(plan, 0.05)
    precision.note(SAMPLED, off(error))
    assert precision.values(OTHER) == values
    assert precision.values("layers.1.self_attn.q_proj") == "fp64"  # of another module nothing is known


def test_the_worst_of_a_module_counts(plan):
    precision = Precision(plan, 0.05)
    for error in (0.001, 0.04, 0.001):
        precision.note(SAMPLED, off(error))
    assert precision.values(OTHER) == "fp64"


def test_each_task_is_decided_on_when_it_is_asked_for(plan):
    precision = Precision(plan, 0.05)
    tasks = precision.chosen(sorted(plan.tasks(), key=lambda task: task.name))
    assert (next(tasks).name, next(tasks).values) == (SAMPLED, "both")
    precision.note(SAMPLED, off(0.001))
    assert [(task.name, task.values) for task in tasks] == [(OTHER, "fp32"), ("layers.1.self_attn.q_proj", "fp64")]


def test_without_a_sample_everything_is_fp64(plan, small_model, tmp_path):
    small_model(tmp_path / "run" / "step_1", 0.1)
    trajectory = opened(Asked(str(tmp_path / "base"), trajectory=str(tmp_path / "run"), nulls="sample"))
    for other in (plan._replace(drawn=frozenset(entry.name for entry in plan.entries)), trajectory):
        precision = Precision(other, 0.05)
        precision.note(SAMPLED, off(0.0))
        assert {precision.values(name) for name in (SAMPLED, OTHER)} == {"fp64"}
