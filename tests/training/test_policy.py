"""A policy against brute force: what it answers, how often it is right, the Hessian of its KL."""

import math
from contextlib import nullcontext

import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.models import tiny
from harness.spectra import fisher_quadratic, hvp
from harness.tasks import registry
from harness.training.policy import Policy

TASK = registry.get("addition", high=49)


@pytest.fixture(scope="module")
def policy():
    """A tiny model whose answers are far from uniform, on addition."""
    model, tokenizer = tiny.build(0)
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    return Policy(model, tokenizer, TASK, temperature=0.8, asked=4, group=3)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


def test_a_generator_repeats_its_problems_and_answers(policy):
    first, again, other = (policy.answers(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.ids.shape[0] == 12 and not first.logp.requires_grad
    assert torch.equal(first.ids, again.ids) and not torch.equal(first.ids, other.ids)
    assert torch.equal(first.ids[0, : first.prompt_length], first.ids[2, : first.prompt_length])


def test_success_is_the_product_of_the_answers_token_probabilities(policy):
    """Truth: the demonstration's tokens one by one, each from a forward of its own."""
    problems = policy.problems(3, seed=0)
    for problem, found in zip(problems, policy.success(problems).tolist(), strict=True):
        prompt = policy.tokenizer(problem.prompt)["input_ids"]
        ids = policy.tokenizer(problem.prompt + TASK.demonstration(problem))["input_ids"]
        total = 0.0
        for t in range(len(prompt), len(ids)):
            with torch.no_grad():
                logits = policy.model(torch.tensor([ids[:t]]), use_cache=False).logits[0, -1].double()
            total += (logits / 0.8).log_softmax(-1)[ids[t]].item()
        assert found == pytest.approx(math.exp(total), rel=1e-5)


def test_held_out_problems_are_those_of_the_accuracy_and_their_success_is_their_mean(policy, monkeypatch):
    """Truth: what lm-eval is asked, and one forward a problem."""
    from harness.tasks import lm_eval_bridge

    asked = []
    monkeypatch.setattr(lm_eval_bridge, "_undisturbed", nullcontext)
    monkeypatch.setattr(lm_eval_bridge, "_run", lambda *args: (asked.extend(args[-1]), (0.0, ""))[1])
    Policy(policy.model, policy.tokenizer, TASK).accuracy  # noqa: B018
    assert policy.held_out() == asked and len(asked) == 300
    alone = [policy.success([problem]).item() for problem in asked[:20]]
    assert policy.success(asked)[:20].tolist() == pytest.approx(alone, rel=1e-4)
    assert policy.held_out_success == pytest.approx(policy.success(asked).mean().item())


def test_the_hessian_of_its_kl_is_the_fisher_matrix(policy, generator):
    rollout = policy.answers(generator)
    matrices = policy.parameters({"layers.0.mlp.up_proj": None, "layers.1.self_attn.q_proj": None})
    draw = {name: torch.randn(p.shape, generator=generator) for name, p in matrices.items()}
    loss = policy.kl_loss(rollout)
    assert loss().item() == pytest.approx(0.0, abs=1e-6)
    along = sum((v * each).sum().item() for v, each in zip(draw.values(), hvp(loss, matrices, draw).values(), strict=True))
    seen = (rollout.ids, rollout.prompt_length, rollout.mask, policy.temperature)
    assert along == pytest.approx(fisher_quadratic(policy.model, policy.by_parameter(draw), *seen), rel=1e-3)


def test_a_moved_policy_has_the_matrices_given_and_leaves_the_first_as_it_was(policy):
    name = "layers.1.mlp.down_proj"
    before = policy.parameters({name: None})[name].detach().clone()
    moved = Policy(policy.model, policy.tokenizer, TASK, known_accuracy=0.5).moved_to({name: before + 1})
    assert moved.known_accuracy is None
    assert torch.equal(moved.parameters({name: None})[name], before + 1)
    assert torch.equal(policy.parameters({name: None})[name], before)
    assert torch.equal(moved.model.lm_head.weight, policy.model.lm_head.weight)


def test_a_known_accuracy_is_not_measured_again(policy, monkeypatch):
    from harness.training import train

    asked = []
    monkeypatch.setattr(train, "capability", lambda model, tokenizer, tasks: asked.append(1) or {TASK.name: 0.25})
    assert Policy(policy.model, policy.tokenizer, TASK, known_accuracy=0.5).accuracy == 0.5 and not asked
    fresh = Policy(policy.model, policy.tokenizer, TASK)
    assert (fresh.accuracy, fresh.accuracy, len(asked)) == (0.25, 0.25, 1)


def test_on_another_task_the_same_model_answers_that_tasks_problems(policy):
    sorting = registry.get("sorting")
    both = Policy(policy.model, policy.tokenizer, TASK, known_accuracy=0.5, others={"sorting": sorting})
    there = both.on("sorting")
    assert there.task == sorting and there.model is both.model and there.known_accuracy is None
    alone = Policy(policy.model, policy.tokenizer, sorting)
    assert there.held_out_success == alone.held_out_success != both.held_out_success
    assert both.on("addition") is both and there.on("addition").task == TASK
    with pytest.raises(SpecError, match="not trained on a task 'chain': ask for one of addition, sorting"):
        both.on("chain")


def test_holding_puts_in_every_parameter_and_leaves_the_first_as_it_was(policy):
    before = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
    given = {name: p + 1.0 for name, p in before.items()}
    held = Policy(policy.model, policy.tokenizer, TASK, known_accuracy=0.5).holding(given)
    assert held.known_accuracy is None
    assert all(torch.equal(p, given[name]) for name, p in held.model.named_parameters())
    assert all(torch.equal(p, before[name]) for name, p in policy.model.named_parameters())
    del given["lm_head.weight"]
    with pytest.raises(TrainingError):
        policy.holding(given)
