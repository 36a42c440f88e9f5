"""`models`: an arm as trained is its run, anything else is the base with its matrices moved."""

import harness as h
import pytest
import torch
from harness.engine.lab import Lab
from harness.engine.policies import Policies
from harness.errors import SpecError, TrainingError
from harness.training import cache
from tests.training.conftest import cache_folder, dense_reward, few_steps, no_evaluation  # noqa: F401


@pytest.fixture
def lab(cache_folder, few_steps, no_evaluation, dense_reward):  # noqa: F811
    """A laboratory with one run of rlvr, a few steps long."""
    cache.ensure(cache.Request("rlvr", "tiny", 0))
    return Lab("tiny")


@pytest.fixture
def arm(lab):
    return lab.change("rlvr", 0)


@pytest.fixture
def models(lab, arm):
    return Policies(lab, 0, [arm])


def weights(policy):
    return {name: p.detach() for name, p in policy.model.named_parameters()}


def test_the_arm_as_trained_is_its_run(lab, arm, models):
    run = lab.run("rlvr", 0)
    for policy, step in ((models.base(arm), 0), (models.of(arm), -1)):
        stored = run.weights(step)
        assert all(torch.equal(p, stored[name]) for name, p in weights(policy).items())
        assert policy.accuracy == 0.5 and policy.task.name == "addition"


def test_a_stand_in_moves_the_matrices_alone(lab, arm, models):
    noise = h.isotropic(arm, torch.Generator().manual_seed(0))
    base, moved = weights(models.base(arm)), models.of(noise)
    for name, p in moved.parameters(noise.base).items():
        assert torch.equal(p.detach(), noise.tuned()[name])
    others = set(base) - set(moved.by_parameter(noise.update))
    assert others and all(torch.equal(weights(moved)[name], base[name]) for name in others)
    assert moved.known_accuracy is None


def test_all_other_weights_are_the_arms_where_they_are_asked_for(lab, arm, models):
    """What an intervention keeps is read beside the arm: at a = 1 it is the arm, but for what was known of it."""
    run = lab.run("rlvr", 0)
    whole, none = (models.of(h.restored_spectrum(arm, a), others="tuned") for a in (1.0, 0.0))
    assert all(torch.equal(p, run.weights(-1)[name]) for name, p in weights(whole).items())
    moved = {name for name, p in weights(none).items() if not torch.equal(p, run.weights(-1)[name])}
    assert moved == set(none.by_parameter(arm.update)) and whole.known_accuracy is None
    with pytest.raises(SpecError, match="those of the 'base' or 'tuned', not 'mine'"):
        models.of(arm, others="mine")


def test_an_arm_is_had_at_the_steps_that_its_run_kept(lab, arm, models):
    """All of its weights, not its matrices alone."""
    stored = lab.run("rlvr", 0).weights(3)
    assert all(torch.equal(p, stored[name]) for name, p in weights(models.at(arm, 3)).items())
    with pytest.raises(TrainingError, match="not 2"):
        models.at(arm, 2)
    with pytest.raises(SpecError, match="ask for those of an arm as trained"):
        models.at(arm.scaled(1.0), 3)


def test_a_rescaled_arm_is_a_stand_in_even_at_its_own_size(arm, models):
    assert models.of(arm.scaled(1.0)).known_accuracy is None


def test_the_last_step_starts_where_it_was_taken(lab, arm, models):
    step = arm.last_step()
    before, after = (policy.parameters(step.base) for policy in (models.base(step), models.of(step)))
    for name, stored in lab.run("rlvr", 0).matrices(3).items():
        assert torch.equal(before[name].detach(), stored)
        assert torch.equal(after[name].detach(), lab.run("rlvr", 0).matrices()[name])


def test_an_update_that_no_run_made_has_no_policy(lab, models):
    with pytest.raises(SpecError, match="models has no policy for .*ask for one of a trained arm"):
        models.of(lab.change("noise", 0))


def test_weights_and_second_moments_are_those_of_the_run(cache_folder, few_steps, no_evaluation, dense_reward):  # noqa: F811
    cache.ensure(cache.Request("sft_sorting", "tiny", 0))
    lab = Lab("tiny")
    arm = lab.change("sft_sorting", 0)
    models, run = Policies(lab, 0, [arm]), lab.run("sft_sorting", 0)
    for found, stored in (
        (models.weights(arm), run.weights()), (models.weights(arm, "first"), run.weights(0)),
        (models.second_moments(arm), run.second_moments()),
    ):  # fmt: skip
        assert found.keys() == stored.keys() and all(torch.equal(w, stored[name]) for name, w in found.items())
    with pytest.raises(SpecError, match="models has no second moments for .*: ask for those of an arm as trained"):
        models.second_moments(arm.scaled(1.0))


def test_a_policy_knows_the_tasks_of_its_base(arm, models):
    policy = models.of(arm)
    assert policy.on("sorting").task.name == "sorting" and policy.on("sorting").model is policy.model
