"""Pretraining: next-token cross-entropy on the whole text of a mix of tasks.

The prompt's tokens are targets too: the base is a language model of its little world, and prompts hold digits that cannot be
predicted, so the loss does not go to 0. Every step holds each task in its share.

    loss = - sum over target tokens of log pi(token | before) / number of target tokens, averaged over tasks by share
"""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from harness.tasks.base import Problem, Task
from harness.tasks.formats import answer_alone
from harness.training import data
from harness.training.loop import Objective, StepLoss
from harness.training.recipe import Part, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def cross_entropy(model: nn.Module, examples: data.Examples) -> Tensor:
    """Mean negative log-likelihood of the targets, a scalar with a graph."""
    device = next(model.parameters()).device
    logits = model(examples.ids.to(device), use_cache=False).logits[:, :-1].float()
    return functional.cross_entropy(logits.flatten(0, 1), examples.targets.to(device).flatten(), ignore_index=data.IGNORED)


def writer(task: Task, part: Part, seed: int) -> Callable[[Problem], str]:
    """How a part of the corpus writes a problem's answer: as demonstrated, or in the part's share without its steps."""
    flips = random.Random(f"{task.name}|{seed}|direct")

    def write(problem: Problem) -> str:
        return answer_alone(task, problem) if flips.random() < part.direct else task.demonstration(problem)

    return write


def objective(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int) -> Objective:
    """Loss of each step on fresh problems of the mix; from a base, of their answers alone, as in sft.py."""
    tasks, alone = recipe.tasks(), bool(recipe.base)
    sources = []
    for part in recipe.mix:
        task, rows = tasks[part.task], round(part.share * recipe.batch)
        problems = data.stream(task, seed, recipe.data_seed_offset, rows, backwards=part.backwards)
        sources.append((part.share, task, writer(task, part, seed), problems))

    def loss(step: int) -> StepLoss:
        parts = [
            share * cross_entropy(model, data.encode_demonstrations(tokenizer, task, next(problems), write, answer_only=alone))
            for share, task, write, problems in sources
        ]
        return StepLoss(sum(parts))

    return loss
