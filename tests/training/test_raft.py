import pytest
import torch
from harness.training.raft import rejection_loss


@pytest.fixture
def batch():
    """(logp, rewards, mask) of 6 completions of at most 3 tokens, half of them right."""
    generator = torch.Generator().manual_seed(0)
    logp = (-torch.rand(6, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    return logp, torch.tensor([1.0, 0, 1, 0, 0, 1]), (torch.arange(3) < torch.tensor([1, 3, 2, 3, 1, 3])[:, None]).double()


def test_the_loss_is_the_mean_over_tokens_of_right_completions(batch):
    """By hand: 1 + 2 + 3 tokens count."""
    logp, rewards, mask = batch
    kept = [logp[0, 0], logp[2, 0], logp[2, 1], logp[5, 0], logp[5, 1], logp[5, 2]]
    assert rejection_loss(logp, rewards, mask).item() == pytest.approx(-sum(kept).item() / 6)


def test_wrong_completions_and_padding_have_no_gradient(batch):
    logp, rewards, mask = batch
    rejection_loss(logp, rewards, mask).backward()
    assert torch.equal(logp.grad != 0, (mask * rewards[:, None]).bool())


def test_where_nothing_was_right_loss_and_gradient_are_zero(batch):
    logp, rewards, mask = batch
    loss = rejection_loss(logp, torch.zeros_like(rewards), mask)
    loss.backward()
    assert loss.item() == 0.0 and not logp.grad.any()
