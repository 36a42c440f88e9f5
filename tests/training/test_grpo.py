import pytest
import torch
from harness.errors import SpecError
from harness.training import grpo

CLIP = dict(clip_low=0.2, clip_high=0.3)


@pytest.fixture
def batch():
    """(logp, old, ref, advantages, mask) of 8 completions of at most 4 tokens, off-policy enough to be clipped."""
    generator = torch.Generator().manual_seed(0)
    logp = -torch.rand(8, 4, generator=generator, dtype=torch.float64) * 3
    old, ref = (logp + 0.4 * torch.randn(8, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    advantages = torch.randn(8, generator=generator, dtype=torch.float64)
    lengths = torch.tensor([1, 4, 2, 3, 4, 4, 1, 2])
    return logp, old, ref, advantages, (torch.arange(4) < lengths[:, None]).double()


def by_hand(kind, logp, old, ref, advantages, mask, kl):
    """The same loss, token by token."""
    rows = []
    for i in range(8):
        row = []
        for t in range(int(mask[i].sum())):
            rho = (logp[i, t] - old[i, t]).exp()
            clipped = min(max(rho, torch.tensor(0.8)), torch.tensor(1.3))
            log_ratio = ref[i, t] - logp[i, t]
            row.append(-min(rho * advantages[i], clipped * advantages[i]) + kl * (log_ratio.exp() - log_ratio - 1))
        rows.append(row)
    total, tokens = sum(map(sum, rows)), sum(map(len, rows))
    return {"grpo": sum(sum(row) / len(row) for row in rows) / 8, "dr_grpo": total / 32, "dapo": total / tokens}[kind]


@pytest.mark.parametrize("kl", [0.0, 0.1], ids="kl={}".format)
@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "dapo"], ids="loss={}".format)
def test_the_loss_equals_one_written_token_by_token(kind, kl, batch):
    logp, old, ref, advantages, mask = batch
    loss = grpo.policy_loss(logp, advantages, mask, kind=kind, old=old, ref=ref, kl=kl, **CLIP)
    assert loss.item() == pytest.approx(by_hand(kind, *batch, kl).item(), rel=1e-6)


def test_on_policy_the_gradient_is_the_policy_gradient(batch):
    """rho = 1: d loss / d log pi = -A / number of tokens (dapo), and nothing is clipped."""
    logp, _, _, advantages, mask = batch
    logp.requires_grad_()
    grpo.policy_loss(logp, advantages, mask, kind="dapo", **CLIP).backward()
    torch.testing.assert_close(logp.grad, -advantages[:, None] * mask / mask.sum())


def test_a_clipped_token_has_no_gradient():
    """Better than its group and already 1 + clip_high times as likely: no further push; worse, and it is still pulled down."""
    logp = torch.tensor([[0.5], [0.5]], requires_grad=True)
    grpo.policy_loss(logp, torch.tensor([1.0, -1.0]), torch.ones(2, 1), kind="dapo", old=torch.zeros(2, 1), **CLIP).backward()
    assert logp.grad[0] == 0 and logp.grad[1] > 0


def test_tokens_outside_the_mask_do_not_count(batch):
    logp, old, ref, advantages, mask = batch
    spoilt = torch.where(mask > 0, logp, logp + 1.0)
    for kind in ("grpo", "dr_grpo", "dapo"):
        losses = [grpo.policy_loss(x, advantages, mask, kind=kind, old=old, ref=ref, kl=0.1, **CLIP) for x in (logp, spoilt)]
        assert losses[0] == losses[1]


def test_advantages_compare_with_the_group():
    rewards = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 1])
    plain = grpo.group_advantages(rewards, 4, normalise=False)
    assert plain.tolist() == [0.75, -0.25, -0.25, -0.25, 0, 0, 0, 0]
    scaled = grpo.group_advantages(rewards, 4, normalise=True)
    torch.testing.assert_close(scaled[:4], plain[:4] / (0.5 + 1e-4))
    assert scaled[4:].tolist() == [0.0] * 4


def test_k3_is_an_unbiased_estimate_of_kl_that_is_never_negative():
    """Truth: its mean under pi is sum pi log(pi / ref), exactly."""
    generator = torch.Generator().manual_seed(1)
    pi, ref = (torch.randn(50, 9, generator=generator, dtype=torch.float64).log_softmax(-1) for _ in range(2))
    estimate = grpo.k3(pi, ref)
    assert (estimate >= 0).all() and (grpo.k3(pi, pi) == 0).all()
    torch.testing.assert_close((pi.exp() * estimate).sum(-1), (pi.exp() * (pi - ref)).sum(-1))


def test_an_unknown_loss_is_refused(batch):
    with pytest.raises(SpecError, match="'ppo' is unknown"):
        grpo.policy_loss(batch[0], batch[3], batch[4], kind="ppo", **CLIP)
