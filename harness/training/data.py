"""Problems in a fixed order, and their token ids.

The order depends on (task, seed, data_seed_offset) and on nothing else: the k-th problem of the stream is the same for every
arm and every batch size. So two arms with as many problems a step see the same problems at the same step.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from harness.errors import TrainingError
from harness.tasks.base import Problem, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # target that cross-entropy skips


class Examples(NamedTuple):
    """Token ids and what each position is to predict.

    Attributes:
        ids: (B, L), padded on the right.
        targets: (B, L - 1), the next token, or IGNORED.
    """

    ids: Tensor
    targets: Tensor


def stream(task: Task, seed: int, offset: int, n: int, *, backwards: float = 0.0) -> Iterator[list[Problem]]:
    """`n` training problems a step, without end; in a share of them the answer is written backwards."""
    order, flips = random.Random(f"{task.name}|{seed}|{offset}"), random.Random(f"{task.name}|{seed}|{offset}|backwards")
    while True:
        problems = task.problems(n, order)
        if backwards:
            problems = [replace(p, answer=p.answer[::-1]) if flips.random() < backwards else p for p in problems]
        yield problems


def encode_prompts(tokenizer: "PreTrainedTokenizerBase", task: Task, problems: list[Problem]) -> Tensor:
    """(B, P) ids of the prompts.

    Raises:
        TrainingError: prompts differ in length; the loops need a task whose prompts do not.
    """
    rows = _tokens(tokenizer, task, [problem.prompt for problem in problems])
    if len({len(row) for row in rows}) > 1:
        raise TrainingError(f"The prompts of task {task.name!r} differ in length in tokens; pad their numbers with zeros.")
    return torch.tensor(rows)


def encode_demonstrations(
    tokenizer: "PreTrainedTokenizerBase",
    task: Task,
    problems: list[Problem],
    write: Callable[[Problem], str] | None = None,
    *,
    answer_only: bool,
) -> Examples:
    """Prompts with their demonstrations (as the task or `write` writes them); every token after the first is a target, or
    the demonstration's alone."""
    write = write or task.demonstration
    prompts = _tokens(tokenizer, task, [problem.prompt for problem in problems])
    texts = _tokens(tokenizer, task, [problem.prompt + write(problem) for problem in problems])
    length = max(map(len, texts))
    ids = torch.full((len(texts), length), tokenizer.pad_token_id)
    targets = torch.full((len(texts), length - 1), IGNORED)
    for i, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        first = len(prompt) if answer_only else 1
        ids[i, : len(text)] = torch.tensor(text)
        targets[i, first - 1 : len(text) - 1] = ids[i, first : len(text)]
    return Examples(ids, targets)


def end_token(tokenizer: "PreTrainedTokenizerBase", task: Task) -> int:
    """Id of the task's end mark.

    Raises:
        TrainingError: the mark is not a single token.
    """
    ids = tokenizer.encode(task.end, add_special_tokens=False)
    if len(ids) != 1:
        raise TrainingError(f"The end mark {task.end!r} of task {task.name!r} is {len(ids)} tokens; choose a mark of one token.")
    return ids[0]


def _tokens(tokenizer: "PreTrainedTokenizerBase", task: Task, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=task.bos, padding=False)["input_ids"]
