"""Reinforcement learning from a verifiable reward: sample, verify, reinforce. One optimizer step a batch.

Every problem is answered `group` times at the recipe's temperature; the verifier gives 1 or 0; the policy loss of grpo.py
pushes up what did better than its group. Samples are fresh at every step, so the policy that sampled is the policy that
learns: the ratio is 1 and its clip idle.

The k3 estimate of KL(pi | base) is logged at every step, with or without a weight in the loss.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from harness.tasks.base import Problem, Task
from harness.training import data, grpo
from harness.training.loop import Objective, StepLoss
from harness.training.recipe import Recipe
from harness.training.sampler import Rollout, completion_logps, sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def rewards(tokenizer: "PreTrainedTokenizerBase", task: Task, problems: list[Problem], rollout: Rollout) -> Tensor:
    """(B,) reward of each completion. Special tokens are left in the text, so that none can hide inside a right answer."""
    texts = tokenizer.batch_decode(rollout.completions, skip_special_tokens=False)
    return torch.tensor([task.reward(problem, text) for problem, text in zip(problems, texts, strict=True)])


class Experience(NamedTuple):
    """One batch of fresh samples, verified.

    Attributes:
        rewards: (B,), on the CPU.
        logp: (B, T) log-probabilities of the sampled tokens, with a graph.
        ref: (B, T) under the base, without.
        mask: (B, T), 1 for tokens up to and including the end mark.
        kl: mean k3 estimate of KL(pi | base) per token.
    """

    rewards: Tensor
    logp: Tensor
    ref: Tensor
    mask: Tensor
    kl: float


def collector(
    model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int
) -> Callable[[], Experience]:
    """What samples and verifies one batch at each call. The model as it is now is the base of the KL."""
    task = recipe.tasks()[recipe.task]
    device = next(model.parameters()).device
    base = copy.deepcopy(model).requires_grad_(False)
    generator = torch.Generator(device).manual_seed(seed * 1_000_003 + recipe.data_seed_offset)
    stream = data.stream(task, seed, recipe.data_seed_offset, recipe.problems_per_step)
    limits = dict(max_new_tokens=task.max_new_tokens, end=data.end_token(tokenizer, task), pad=tokenizer.pad_token_id)

    def collect() -> Experience:
        asked = next(stream)
        prompts = data.encode_prompts(tokenizer, task, asked).to(device)
        rollout = sample(model, prompts, temperature=recipe.temperature, generator=generator, group=recipe.group, **limits)
        earned = rewards(tokenizer, task, [problem for problem in asked for _ in range(recipe.group)], rollout)
        with torch.no_grad():
            ref = completion_logps(base, rollout, temperature=recipe.temperature, group=recipe.group)
            kl = (grpo.k3(rollout.logp, ref) * rollout.mask).sum() / rollout.mask.sum()
        return Experience(earned, rollout.logp, ref, rollout.mask, kl.item())

    return collect


def objective(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int) -> Objective:
    """Loss of each step on fresh problems and fresh samples."""
    collect = collector(model, tokenizer, recipe, seed)

    def loss(step: int) -> StepLoss:
        found = collect()
        advantages = grpo.group_advantages(found.rewards, recipe.group, normalise=recipe.loss != "dr_grpo")
        return StepLoss(
            grpo.policy_loss(
                found.logp, advantages.to(found.logp.device), found.mask, kind=recipe.loss, kl=recipe.kl, ref=found.ref,
                clip_low=recipe.clip_low, clip_high=recipe.clip_high,
            ),
            reward=found.rewards.mean().item(),
            kl=found.kl,
        )  # fmt: skip

    return loss
