"""Adapters inside a run: put on its base, stepped at a rate that may be matched, kept as kilobytes, read as the model's weights.

    put_on      the recipe's adaptation on a model that stands at the base's weights
    matched     lr |D_1(other)| / |D_1(own)|: the rate at which the first update has the norm of another arm's first update
    merged      every parameter at a step: the base's run, the adapter put on it again, its tensors loaded

Source: the confound of equal rates is PeRL's, sheet rlvr 3.7: an Adam step on A and B moves W by about lr (|A| + |B|).
Trap: where the first update is not linear in the rate (rotations) a second probe corrects the first; what was reached is recorded.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from harness.errors import TrainingError
from harness.models.adapters import Adaptation
from harness.models.tuners import Adapted, Calibration, adapt
from harness.training import data
from harness.training.recipe import MODEL, Recipe
from torch import nn

if TYPE_CHECKING:
    from harness.training.loop import Objective
    from harness.training.runs import Run
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

CALIBRATED_ON = 32
"""Training problems whose demonstrations a tuner may look at before it is built."""

PROBES = 2


class Matched(NamedTuple):
    """A rate and what its first update came to.

    Attributes:
        lr: the rate.
        norm: |D_1|_F over the adapted matrices at that rate.
        target: that of the arm matched to.
    """

    lr: float
    norm: float
    target: float


def put_on(model: nn.Module, recipe: Recipe, tokenizer: "PreTrainedTokenizerBase", seed: int) -> Adapted:
    """Put a recipe's adapter on a model in place.

    Raises:
        ModelError: it does not fit the model.
    """
    return adapt(model, recipe.adapter, seed, lambda: calibration(recipe, tokenizer, seed))


def calibration(recipe: Recipe, tokenizer: "PreTrainedTokenizerBase", seed: int) -> Calibration:
    """Demonstrations of training problems of the recipe's task: those of its first steps, prompt and answer."""
    tasks = recipe.tasks()
    problems = next(data.stream(tasks[recipe.task], seed, recipe.data_seed_offset, CALIBRATED_ON))
    examples = data.encode_demonstrations(tokenizer, tasks[recipe.graded], problems, answer_only=True)
    return Calibration(examples.ids, examples.targets)


def matched(
    model: nn.Module, recipe: Recipe, other: Recipe, tokenizer: "PreTrainedTokenizerBase", seed: int,
    objective: Callable[[nn.Module, Recipe], "Objective"],
) -> Matched:  # fmt: skip
    """The rate at which a recipe's first update is as long as another's.

    Args:
        model: at the base's weights; not changed.
        recipe, other: with adapters, of one base.
        tokenizer: the model's.
        seed: of the run: both see its data and its samples.
        objective: makes the loss of a recipe on a model.

    Raises:
        TrainingError: the recipe's first update is nothing, so no rate makes it longer.
    """

    def first(of: Recipe) -> float:
        probe = copy.deepcopy(model)
        return first_update(probe, of, put_on(probe, of, tokenizer, seed), objective(probe, of), seed)

    target, lr = first(other), recipe.lr
    for _ in range(PROBES):
        norm = first(replace(recipe, lr=lr))
        if not norm > 0:
            raise TrainingError(f"The first update of {recipe.arm} is nothing: its step cannot be matched to {other.arm}'s.")
        lr *= target / norm
    return Matched(lr, first(replace(recipe, lr=lr)), target)


def first_update(model: nn.Module, recipe: Recipe, adapted: Adapted, objective: "Objective", seed: int) -> float:
    """|D_1|_F of the adapted matrices after one step, the model being changed."""
    from harness.training.loop import run_loop

    once = replace(recipe, steps=1, warmup=0, snapshots=2, lr=recipe.lr / max(1, recipe.warmup))
    return run_loop(model, once, objective, name=_name(recipe, seed), snapshot=lambda step: None, adapted=adapted)[0]["update_norm"]


def tensors(adapted: Adapted) -> "dict[str, Tensor]":
    """What a step of the run keeps: the trained tensors, fp32 on the CPU."""
    return {name: p.detach().to("cpu", torch.float32).contiguous() for name, p in adapted.trainable().items()}


def reader(run: "Run", load: Callable[[str], "dict[str, Tensor]"]) -> Adapted:
    """The run's base with its adapter on it again, fixed tensors loaded; trained ones are the caller's to load.

    Args:
        run: of an adapter.
        load: gives what a file of the run holds.
    """
    from harness.training.runs import FIXED
    from harness.training.train import first_weights, with_weights

    model, _ = with_weights(run.scale, run.seed, first_weights(run.recipe["rotate"], run.base, run.seed))
    adapted = adapt(model, Adaptation.stored(run.recipe["adapter"]), run.seed, rebuild=True)
    adapted.load(load(FIXED))
    return adapted


def base_weights(run: "Run") -> "dict[str, Tensor]":
    """Every parameter of what the adapter was put on."""
    from harness.training.train import first_weights, with_weights

    first = first_weights(run.recipe["rotate"], run.base, run.seed)
    if first is None and run.recipe["base"] != MODEL:
        first = {name: p.detach() for name, p in with_weights(run.scale, run.seed, None)[0].named_parameters()}
    if first is None:
        raise TrainingError("A run on a real model reads its base from the model's own folder.")
    return first


def _name(recipe: Recipe, seed: int) -> dict[str, object]:
    return {"arm": recipe.arm, "seed": seed, "scale": "probe"}
