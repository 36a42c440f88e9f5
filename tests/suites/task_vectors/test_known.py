"""What is known of specialists: squared scores and inputs by hand on the tiny model, and who gets whose."""

from types import SimpleNamespace

import harness as h
import pytest
import torch
from harness.models import tiny
from harness.tasks import registry
from harness.training.policy import Policy
from harness.training.sampler import Rollout
from suites.task_vectors import known as module
from suites.task_vectors.known import fisher_diagonals, input_grams, known


@pytest.fixture(scope="module")
def policy():
    model, tokenizer = tiny.build(0)
    return Policy(model, tokenizer, registry.get("sorting"), temperature=0.7)


@pytest.fixture
def rollout():
    """Two prompts of three tokens; one answer has three tokens, the other one and padding."""
    ids = torch.tensor([[1, 4, 5, 6, 7, 8], [1, 9, 3, 2, 0, 0]])
    return Rollout(ids, 3, torch.tensor([[1.0, 1, 1], [1, 0, 0]]))


def test_fisher_is_the_mean_squared_score_of_whole_answers(policy, rollout):
    """Truth: log-probabilities token by token, of each answer alone."""
    expected = {name: 0.0 for name, _ in policy.model.named_parameters()}
    for ids in (rollout.ids[:1], rollout.ids[1:, :4]):
        logp = (policy.model(ids).logits[0] / 0.7).log_softmax(-1)
        score = sum(logp[at - 1, ids[0, at]] for at in range(3, ids.shape[1]))
        for name, g in zip(expected, torch.autograd.grad(score, list(policy.model.parameters())), strict=True):
            expected[name] = expected[name] + g.double().square() / 2
    found = fisher_diagonals(policy, rollout)
    assert found.keys() == expected.keys()
    assert all((found[name] - value).norm() < 1e-5 * value.norm() for name, value in expected.items())


def test_grams_are_of_what_each_layer_reads(policy, rollout):
    """Truth: the head reads last hidden states, the first projections the normed embeddings; neither reads padding."""
    found = input_grams(policy, rollout)
    assert len(found) == 15 and all(name.endswith(".weight") for name in found)
    body = policy.model.model
    first, last = [], []
    for ids in (rollout.ids[:1, :5], rollout.ids[1:, :3]):
        last.append(body(ids).last_hidden_state[0].detach().double())
        first.append(body.layers[0].input_layernorm(body.embed_tokens(ids))[0].detach().double())
    for name, rows in (("lm_head.weight", torch.cat(last)), ("model.layers.0.self_attn.k_proj.weight", torch.cat(first))):
        assert torch.allclose(found[name], rows.T @ rows, rtol=1e-4, atol=1e-8)


def test_specialists_that_are_one_merge_to_it(policy, rollout):
    """Limit: whatever is known of two equal specialists, the merge is they."""
    state = {name: p.detach() for name, p in policy.model.named_parameters()}
    base = {name: p + 0.01 for name, p in state.items()}
    for method, find in module.WHAT.items():
        merged = h.merge(method, base, [state, state], extras=[find(policy, rollout)] * 2)
        assert all(torch.allclose(merged[name], p, atol=1e-5) for name, p in state.items())


class Asked:
    """A policy of which only its task and state are known."""

    def __init__(self, task, state):
        self.task, self.state = task, state

    def answers(self, rng):
        return None


def test_who_gets_whose(monkeypatch):
    seen = {"a": 1.0, "b": 2.0, "c": 3.0}
    monkeypatch.setattr(module, "replace", lambda policy, asked, group: policy)
    monkeypatch.setitem(module.WHAT, "fisher", lambda policy, rollout: {"w": seen[policy.task] * torch.arange(30.0)})
    holding = SimpleNamespace(holding=lambda state: SimpleNamespace(on=lambda task: Asked(task, state)))
    s = SimpleNamespace(policy=holding, states=[None] * 3, tasks=list(seen))
    rng = torch.Generator().manual_seed(0)
    assert [each["w"][1].item() for each in known(s, "fisher", rng)] == [1.0, 2.0, 3.0]
    assert [each["w"][1].item() for each in known(s, "fisher", rng, "dealt")] == [2.0, 3.0, 1.0]
    for each, factor in zip(known(s, "fisher", rng, "permuted"), seen.values(), strict=True):
        assert torch.equal(each["w"].sort().values, factor * torch.arange(30.0)) and each["w"][1] != factor
