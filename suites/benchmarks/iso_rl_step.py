"""A whole step of RLVR with its matrices stepped by an isospectral method, beside the same step with AdamW; CPU seconds.

A step is everything from one step's end to the next, as in grpo_step.py: problems, sampling, rewards, the base's pass, loss,
backward, clipping, optimizer, bookkeeping. The recipe is the arm rlvr cut to STEPS; the first step (the SVDs, allocation) is
left out. Every run begins at the same weights with the same problems and random numbers.
Trap: completions are as long as the model makes them. At rates of 1e-4 the two arms' samples hardly differ in twelve steps.
Trap: at a rate of 1e-7 Newton-Schulz would have nothing to do; at tiny scale the rate is the arm iso's own.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

from suites.benchmarks.race import Seconds

STEPS = 12
TINY, SMALL = (1e-4, 4.3e-4), (1e-6, 4.3e-6)
"""Rates of all else and of iso's matrices: rlvr's with the one that the arm iso was tuned to; usual ones of a real model."""


def with_matrices(recipe: Any, method: str, rates: tuple[float, float]) -> Any:
    """The recipe with its matrices stepped by AdamW, as all else is, or by iso with a retraction's name."""
    from harness.training.methods import Matrices

    matrices = None if method == "adamw" else Matrices("iso", rates[1], (("retraction", method),))
    return replace(recipe, lr=rates[0], matrices=matrices)


def tiny_recipe(method: str) -> Any:
    """The arm rlvr at tiny scale, some steps of it."""
    from harness.training import recipes

    return with_matrices(replace(recipes.get("rlvr", "tiny"), steps=STEPS, snapshots=2), method, TINY)


def small_recipe(method: str) -> Any:
    """Few-shot addition with a real model: 4 problems answered 4 times."""
    from suites.benchmarks.grpo_step import recipe

    return with_matrices(recipe("fewshot_addition", batch=16, group=4, steps=4), method, SMALL)


def rl_step(model: Any, tokenizer: Any, given: Any, seed: int) -> Callable[[], Seconds]:
    """A run that takes the recipe's steps from the model's present weights and answers with the median CPU time of one."""
    from harness.training import rlvr
    from harness.training.loop import run_loop

    start = {name: value.clone() for name, value in model.state_dict().items()}

    def run() -> Seconds:
        model.load_state_dict(start)
        objective = rlvr.objective(model, tokenizer, given, seed)
        began: list[float] = []

        def noted(step: int) -> Any:
            began.append(time.process_time())
            return objective(step)

        name = {"arm": "benchmark", "seed": seed, "scale": "benchmark"}
        run_loop(model, given, noted, name=name, snapshot=lambda step: None)
        began.append(time.process_time())
        return Seconds(median(b - a for a, b in zip(began[1:], began[2:], strict=False)))

    return run
