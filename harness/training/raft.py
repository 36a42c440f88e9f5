"""Rejection-sampled fine-tuning: sample, verify, imitate what was right. Supervised learning on data of the model's own.

    loss = - sum over tokens of right completions of log pi(token | before) / number of those tokens

Sampling, verifier and problems are those of rlvr.py, so an RLVR arm and this one differ in the loss alone: here a right
answer counts the same whether its group found it easy or hard, and a wrong one not at all.

Source: Dong et al. 2304.06767 (RAFT), all right completions kept as in Xiong et al. 2504.11343; one step a batch.
Trap: it is on-policy only because the samples are fresh at every step; a fixed set of them would grow off-policy.
"""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from harness.training.loop import Objective, StepLoss
from harness.training.recipe import Recipe
from harness.training.rlvr import collector

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def rejection_loss(logp: Tensor, rewards: Tensor, mask: Tensor) -> Tensor:
    """Mean negative log-likelihood of the tokens of right completions, a scalar; 0 with a zero gradient where none is.

    Args:
        logp: (B, T) log-probabilities of the sampled tokens.
        rewards: (B,), 1 for a right completion, 0 for a wrong one.
        mask: (B, T), 1 for tokens up to and including the end mark.
    """
    kept = mask * (rewards > 0).to(mask)[:, None]
    return -(logp * kept).sum() / kept.sum().clamp(min=1)


def objective(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int) -> Objective:
    """Loss of each step on fresh problems and fresh samples."""
    collect = collector(model, tokenizer, recipe, seed)

    def loss(step: int) -> StepLoss:
        found = collect()
        return StepLoss(
            rejection_loss(found.logp, found.rewards.to(found.logp.device), found.mask),
            reward=found.rewards.mean().item(),
            kl=found.kl,
        )

    return loss
