"""Supervised fine-tuning: cross-entropy on the tokens of demonstrations alone, prompts given.

Each problem of the stream is demonstrated once. Step t sees the problems that an RL arm with as many problems a step sees
at its step t.

Demonstrations are in the base's own format (data "gold") or in one that it does not use (data "off_policy", formats.py).
"""

from typing import TYPE_CHECKING

from torch import nn

from harness.training import data, labels
from harness.training.loop import Objective, StepLoss
from harness.training.pretrain import cross_entropy
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def objective(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int) -> Objective:
    """Loss of each step on fresh problems of the recipe's task."""
    tasks = recipe.tasks()
    written = tasks[recipe.graded]  # the task itself, or the twin that writes its answers in another format
    order = (tasks[recipe.task], seed, recipe.data_seed_offset, recipe.problems_per_step)
    limited = recipe.noise is not None or recipe.pool is not None
    problems = labels.stream(*order, share=recipe.noise, count=recipe.pool) if limited else data.stream(*order)

    def loss(step: int) -> StepLoss:
        examples = data.encode_demonstrations(tokenizer, written, next(problems), answer_only=True)
        return StepLoss(cross_entropy(model, examples))

    return loss
