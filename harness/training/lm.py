"""A language model of a fixed text: next-character cross-entropy on random windows of its training split.

    loss = - mean over B windows of `context` characters of log pi(next | the window so far)

Every arm of a seed sees the same windows at the same step. With shuffled targets each batch's next characters are dealt out
anew among its positions: inputs and frequencies are as they were, what follows what is gone, and the entropy of single
characters is the least loss.

Held-out loss and accuracy are read on the first EVALUATED windows of a split, side by side: the tuning split while learning
rates are chosen, the evaluation split for the record. Their characters are the same for every arm and seed.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.tasks import corpus
from harness.tasks.corpus import Split
from harness.training.loop import Objective, StepLoss
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EVALUATED = 256


class Batch(NamedTuple):
    """Characters and what follows each, both (B, T)."""

    ids: Tensor
    targets: Tensor


class HeldOut(NamedTuple):
    """Cross-entropy in nats a character, and the share of characters whose most likely successor came."""

    loss: float
    accuracy: float


def tokens(tokenizer: "PreTrainedTokenizerBase", name: str, split: Split) -> Tensor:
    """(N,) ids of one split, a token a character."""
    return _tokens(tuple(sorted(tokenizer.get_vocab().items())), name, split)


@lru_cache(maxsize=6)
def _tokens(vocabulary: tuple[tuple[str, int], ...], name: str, split: Split) -> Tensor:
    table = torch.zeros(128, dtype=torch.long)
    for character, number in vocabulary:
        if len(character) == 1:
            table[ord(character)] = number
    return table[torch.frombuffer(bytearray(corpus.get(name).text(split).encode("ascii")), dtype=torch.uint8).long()]


def draw(text: Tensor, count: int, context: int, generator: torch.Generator, dealer: torch.Generator | None = None) -> Batch:
    """Random windows of a text.

    Args:
        text: (N,) ids.
        count: windows, B.
        context: characters of each, T.
        generator: on the CPU; draws the windows.
        dealer: likewise; permutes the targets of the batch, where there is one. Apart, so that the windows stay the same.
    """
    first = torch.randint(len(text) - context, (count, 1), generator=generator)
    windows = text[first + torch.arange(context + 1)]
    ids, targets = windows[:, :-1], windows[:, 1:]
    if dealer is not None:
        targets = targets.flatten()[torch.randperm(targets.numel(), generator=dealer)].view_as(targets)
    return Batch(ids, targets)


def batches(recipe: Recipe, text: Tensor, seed: int) -> Iterator[Batch]:
    """The windows of step 1, 2, ... of a run of this seed, without end."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + recipe.data_seed_offset)
    dealer = torch.Generator().manual_seed(seed) if recipe.lm.shuffled else None
    while True:
        yield draw(text, recipe.batch, recipe.lm.context, generator, dealer)


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of the targets, a scalar with a graph."""
    device = next(model.parameters()).device
    logits = model(batch.ids.to(device), use_cache=False).logits
    return functional.cross_entropy(logits.flatten(0, 1), batch.targets.to(device).flatten())


def objective(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, seed: int) -> Objective:
    """Loss of each step on fresh windows."""
    seen = batches(recipe, tokens(tokenizer, recipe.lm.corpus, "train"), seed)
    return lambda step: StepLoss(cross_entropy(model, next(seen)))


@torch.no_grad()
def held_out(model: nn.Module, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, split: Split = "evaluation") -> HeldOut:
    """How well the model predicts a split that it was not trained on. Targets are never shuffled here."""
    text, context = tokens(tokenizer, recipe.lm.corpus, split), recipe.lm.context
    windows = text[: EVALUATED * context].view(-1, context)
    targets = text[1 : windows.numel() + 1].view(-1, context)
    device = next(model.parameters()).device
    logits = model(windows.to(device), use_cache=False).logits.flatten(0, 1)
    answers = targets.to(device).flatten()
    right = (logits.argmax(-1) == answers).double().mean().item()
    return HeldOut(functional.cross_entropy(logits.double(), answers).item(), right)
