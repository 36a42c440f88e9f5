"""Overlap of second moments against counts by hand, its chance, and what is left of a planted one."""

import random
from dataclasses import replace

import pytest
import torch
from harness.models import tiny
from harness.tasks import registry
from harness.training.data import encode_demonstrations
from harness.training.policy import Policy
from harness.training.pretrain import cross_entropy
from suites.ota_merging import overlap as module
from suites.ota_merging.overlap import compared, mean_overlap, observed, overlap, pairs_of, rank_one_error, untrained


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_overlap_by_hand():
    """Two of ten entries each, one in common: 1/3 over 1/9."""
    a = torch.tensor([[9.0, 8, 0, 0, 0], [0, 0, 0, 0, 0.1]])
    b = torch.tensor([[9.0, 0, 8, 0, 0], [0, 0, 0, 0, 0.1]])
    assert overlap({"w": a}, {"w": b})["w"] == pytest.approx(3.0)
    assert overlap({"w": a}, {"w": a})["w"] == pytest.approx(9.0)
    assert mean_overlap([({"w": a}, {"w": a}), ({"w": a}, {"w": b})])["w"] == pytest.approx(6.0)


def test_independent_scores_overlap_by_chance():
    """Limit: 200 x 200 entries, a standard error of .02."""
    found = overlap({"w": torch.rand(200, 200, generator=rng())}, {"w": torch.rand(200, 200, generator=rng(1))})
    assert found["w"] == pytest.approx(1.0, abs=0.08)


def parameters():
    """A rank-one v in a projection, and an embedding that is none."""
    rows, columns = (0.1 + torch.rand(n, generator=rng(n)) for n in (40, 30))
    name = "model.layers.0.self_attn.q_proj.weight"
    return {name: torch.outer(rows, columns), "model.embed_tokens.weight": torch.ones(50, 8)}


def test_levels_of_rows_and_columns_are_all_of_a_rank_one_v():
    whole = compared(parameters(), "whole", rng())
    (name,) = whole
    assert name == "layers.0.self_attn.q_proj"
    assert rank_one_error(whole)[name] < 1e-6
    assert torch.allclose(compared(parameters(), "entries", rng())[name], torch.ones(40, 30, dtype=torch.float64), atol=1e-5)
    permuted = compared(parameters(), "permuted", rng())[name]
    assert torch.equal(permuted.flatten().sort().values, whole[name].flatten().sort().values)
    assert rank_one_error({name: permuted})[name] > 0.3


def test_a_row_without_gradient_has_no_entries():
    v = torch.outer(torch.tensor([0.0] + [1.0] * 39), torch.ones(30))
    found = compared({"model.layers.0.self_attn.q_proj.weight": v}, "entries", rng())["layers.0.self_attn.q_proj"]
    assert found.isfinite().all() and not found[0].any()


def test_what_gradients_show_of_v_has_its_mean_and_their_spread():
    """Truth: relative variance 2 / degrees, and the rank-one error that follows, sqrt(c / (1 + c))."""
    v = {"w": torch.full((200, 200), 3.0, dtype=torch.float64)}
    for degrees in (1, 16):
        seen = observed(v, degrees, rng())["w"]
        assert seen.mean().item() == pytest.approx(3.0, rel=0.05)
        assert seen.var().item() / 9 == pytest.approx(2 / degrees, rel=0.1)
        spread = 2 / degrees
        assert rank_one_error({"w": seen})["w"] == pytest.approx((spread / (1 + spread)) ** 0.5, rel=0.05)


def test_every_two_experts_once():
    assert pairs_of(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize("shuffled", [False, True])
def test_untrained_squares_are_those_of_a_batch(shuffled, monkeypatch):
    """Truth: one batch by hand, each answer its prompt's own or the next one's."""
    monkeypatch.setattr(module, "BATCHES", 1)
    model, tokenizer = tiny.build(0)
    task = registry.get("sorting")
    found = untrained(Policy(model, tokenizer, task), "sorting", 3, shuffled)
    problems = task.problems(16, random.Random(3))
    if shuffled:
        problems = [replace(p, answer=problems[(i + 1) % 16].answer) for i, p in enumerate(problems)]
    loss = cross_entropy(model, encode_demonstrations(tokenizer, task, problems, answer_only=True))
    for (name, _), g in zip(model.named_parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
        assert torch.allclose(found[name], g.double().square(), rtol=1e-4, atol=1e-12)
