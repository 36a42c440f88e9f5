"""A trace goes on where a run stood: its batches, its rates, and any method of the bench in place of its own."""

import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.training import cache, lm, recipes
from harness.training.cache import Request
from harness.training.lm_run import LanguageRun


@pytest.fixture
def of(cache_folder, few_steps, monkeypatch):
    """of(arm) gives a run of four steps that kept 0, 3 and 4."""
    monkeypatch.setattr(lm, "EVALUATED", 8)
    return lambda arm: LanguageRun(cache.ensure(Request(arm, "tiny", 0)), recipes.get(arm, "tiny"))


def test_from_the_start_it_repeats_the_run_bit_for_bit(of):
    """Truth: a fresh optimizer is what the run began with too."""
    run = of("lm_galore")
    found = run.trace(0, 4)
    for name, w in run.run.matrices(4).items():
        assert torch.equal(found.last[name], w) and torch.equal(found.first[name], run.run.matrices(0)[name])


def test_gradients_are_those_of_the_steps_batches(of):
    run = of("lm_galore")
    given, traced = run.step_gradients(3), run.trace(3, 1).gradients[0]
    total = run.run.log[3]["grad_norm"]
    clip = min(1.0, run.recipe.clip / (total + 1e-6))
    for name, gradient in given.items():
        torch.testing.assert_close(traced[name], gradient * clip, rtol=1e-4, atol=1e-9)


def test_the_weights_move_by_rate_times_update(of):
    """The first step of Adam in transformers' convention: lr sqrt(1 - b2) / (1 - b1) U."""
    run = of("lm_galore")
    found, group = run.trace(3, 1), run.recipe.matrices
    lr = group.lr * (4 - 4 + 1) / (4 - 2)  # the last of four steps, warm-up 2, falling linearly
    b1, b2 = run.recipe.betas
    for name, update in found.updates[0].items():
        moved = found.last[name].double() - found.first[name].double()
        torch.testing.assert_close(moved, -lr * (1 - b2) ** 0.5 / (1 - b1) * update.double(), rtol=1e-3, atol=1e-7)


def test_another_arm_steps_and_a_setting_can_differ(of):
    """GaLore's update has the rank of its subspace, APOLLO's that of the gradient; both saw the same first gradient."""
    run = of("lm_adamw")
    galore, apollo = (run.trace(0, 2, like=arm, rank=4, refresh=1) for arm in ("lm_galore", "lm_apollo"))
    assert galore.refreshed == [True, True] and run.trace(0, 2, like="lm_galore").refreshed == [True, False]
    for name in galore.first:
        assert torch.equal(galore.gradients[0][name], apollo.gradients[0][name])
        assert torch.linalg.matrix_rank(galore.updates[0][name].double(), rtol=1e-5) == 4
        assert torch.linalg.matrix_rank(apollo.updates[0][name].double(), rtol=1e-5) > 4


def test_another_draw_is_of_other_windows(of):
    run = of("lm_galore")
    one, two = run.trace(0, 1), run.trace(0, 1, draw=1)
    assert all(torch.equal(one.first[name], two.first[name]) for name in one.first)
    assert not any(torch.equal(one.gradients[0][name], two.gradients[0][name]) for name in one.first)


def test_what_cannot_be_traced_is_a_sentence(of):
    run = of("lm_adamw")
    with pytest.raises(TrainingError, match="'adamw' is no subspace"):
        run.trace(0, 1)
    with pytest.raises(TrainingError, match="5 steps from step 0: the run's schedule has 4"):
        run.trace(0, 5, like="lm_galore")
    with pytest.raises(TrainingError, match="kept steps"):
        run.trace(2, 1, like="lm_galore")
    with pytest.raises(SpecError, match="no setting ranks"):
        run.trace(0, 1, like="lm_galore", ranks=4)
