import pytest
import torch
from harness.models import tiny
from harness.training.sampler import Rollout, completion_logps, sample

END, PAD = 20, 0


@pytest.fixture(scope="module")
def model():
    """A tiny model with logits far from uniform."""
    model = tiny.build(0).model
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    return model


@pytest.fixture
def prompts():
    return torch.randint(4, 40, (64, 6), generator=torch.Generator().manual_seed(0))


def draw(model, prompts, *, seed=0, temperature=1.0, end=END, new=5) -> Rollout:
    generator = torch.Generator().manual_seed(seed)
    return sample(
        model, prompts, max_new_tokens=new, end=end, pad=PAD, temperature=temperature, generator=generator
    )  # fmt: skip


def test_greedy_with_a_cache_equals_greedy_without(model, prompts):
    rollout = draw(model, prompts, temperature=0, end=-1)
    ids = prompts
    with torch.no_grad():
        for _ in range(5):
            ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(rollout.ids, ids)


def test_samples_follow_the_models_distribution(model, prompts):
    """Limit: frequencies of the first token come within 5 standard errors of the softmax at the temperature asked for."""
    one = prompts[:1].expand(20_000, -1)
    drawn = draw(model, one, temperature=1.5, new=1).completions[:, 0]
    with torch.no_grad():
        p = (model(one[:1]).logits[0, -1] / 1.5).softmax(-1)
    frequency = torch.bincount(drawn, minlength=len(p)) / len(drawn)
    assert ((frequency - p).abs() <= 5 * (p * (1 - p) / len(drawn)).sqrt() + 1e-4).all()


def test_a_completion_ends_with_its_end_mark(model, prompts):
    rollout = draw(model, prompts, end=int(draw(model, prompts).completions[:, 1].mode().values))
    end = int(draw(model, prompts).completions[:, 1].mode().values)
    for row, mask in zip(rollout.completions.tolist(), rollout.mask.tolist(), strict=True):
        length = row.index(end) + 1 if end in row else 5
        assert mask == [1.0] * length + [0.0] * (5 - length)
        assert row[length:] == [PAD] * (5 - length)
    assert 0 < (rollout.mask == 0).sum()


def test_log_probabilities_equal_a_brute_force_score(model, prompts):
    rollout = draw(model, prompts[:4], end=-1)
    found = completion_logps(model, rollout, temperature=0.7)
    for i, row in enumerate(rollout.ids):
        for t in range(5):
            with torch.no_grad():
                logits = model(row[None, : 6 + t], use_cache=False).logits[0, -1]
            assert found[i, t].item() == pytest.approx((logits / 0.7).log_softmax(-1)[row[6 + t]].item(), abs=2e-5)


@pytest.mark.parametrize("beginning", [0, 10], ids="beginning={}".format)
@pytest.mark.parametrize("group", [1, 4], ids="group={}".format)
def test_sampling_and_scoring_agree_in_value_and_gradient(model, prompts, group, beginning):
    """Truth: a forward over the whole ids, prompts repeated; ours reads each prompt once, and a long common beginning once."""
    prompts = torch.cat([prompts[:1].repeat(1, 2)[:, :beginning].expand(64, -1), prompts], 1)
    generator = torch.Generator().manual_seed(0)
    rollout = sample(
        model, prompts[:8], max_new_tokens=4, end=END, pad=PAD, temperature=0.7, generator=generator, group=group
    )  # fmt: skip
    logits = model(rollout.ids, use_cache=False).logits[:, beginning + 5 : -1] / 0.7
    truth = logits.log_softmax(-1).gather(2, rollout.completions[:, :, None]).squeeze(2)
    scored = completion_logps(model, rollout, temperature=0.7, group=group)
    weight = rollout.mask * torch.linspace(-1, 1, rollout.mask.numel()).view_as(rollout.mask)
    gradients = [torch.autograd.grad((logp * weight).sum(), model.lm_head.weight)[0] for logp in (truth, rollout.logp, scored)]
    for logp, gradient in zip((rollout.logp, scored), gradients[1:], strict=True):
        assert torch.allclose(logp * rollout.mask, truth * rollout.mask, atol=2e-5)
        assert (gradient - gradients[0]).norm() < 1e-5 * gradients[0].norm()


def test_answers_of_one_prompt_stand_together(model, prompts):
    generator = torch.Generator().manual_seed(0)
    rollout = sample(model, prompts, max_new_tokens=2, end=END, pad=PAD, temperature=1.0, generator=generator, group=3)
    assert torch.equal(rollout.ids[:, :6], prompts.repeat_interleave(3, 0))
    assert len({tuple(row) for row in rollout.completions[:3].tolist()}) > 1


def test_no_graph_is_kept_where_none_is_wanted(model, prompts):
    with torch.no_grad():
        assert not draw(model, prompts).logp.requires_grad
    assert draw(model, prompts).logp.requires_grad


def test_what_follows_the_end_changes_no_log_probability_before_it(model, prompts):
    rollout = draw(model, prompts, end=-1)
    spoilt = rollout._replace(ids=rollout.ids.clone())
    spoilt.ids[:, -1] = 33
    a, b = (completion_logps(model, each)[:, :-1] for each in (rollout, spoilt))
    assert torch.equal(a, b)


def test_a_seed_repeats_and_the_global_generator_is_left_alone(model, prompts):
    before = torch.get_rng_state()
    assert torch.equal(draw(model, prompts, seed=3).ids, draw(model, prompts, seed=3).ids)
    assert not torch.equal(draw(model, prompts, seed=3).ids, draw(model, prompts, seed=4).ids)
    assert torch.equal(torch.get_rng_state(), before)


def test_sampling_stops_when_every_completion_has_ended(model, prompts, monkeypatch):
    calls = []
    forward = type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda self, *a, **k: calls.append(1) or forward(self, *a, **k))
    one = prompts[:1]
    first = int(draw(model, one, temperature=0, end=-1).completions[0, 0])
    calls.clear()
    assert draw(model, one, temperature=0, end=first).mask.tolist() == [[1.0, 0, 0, 0, 0]]
    assert len(calls) == 1
