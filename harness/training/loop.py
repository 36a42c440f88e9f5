"""The loop that every arm shares: optimizer, warm-up, clipping, log, snapshots, progress.

An objective (pretrain.py, sft.py, rlvr.py) gives the loss of one step; everything that could differ between arms by
accident lives here once. A row of the log:

    step, loss, reward, kl    of the batch, before the step's update; reward and kl are None for cross-entropy
    grad_norm                 before clipping
    update_norm               |theta - theta_0|_F over the projections, after the step; of a real model's adapters where it is kept
    lr, seconds               learning rate used (where the matrices have one of their own: of all else); wall time since start
"""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from harness.errors import TrainingError
from harness.interventions.storage import round_parameters
from harness.training import optimizers
from harness.training.compressed import dense
from harness.training.recipe import Recipe
from harness.training.runs import Diverged, projections

if TYPE_CHECKING:
    from harness.models.tuners import Adapted

PROGRESS_S = 2.0
NO_SIGNAL_STEPS = 20
"""Steps after which a reward that never differed inside a batch is called no signal."""


class StepLoss(NamedTuple):
    """What an objective returns for one step.

    Attributes:
        loss: scalar with a graph.
        reward: mean reward of the batch, None where nothing is rewarded.
        kl: mean k3 estimate of KL(pi | base) per token, None likewise.
    """

    loss: Tensor
    reward: float | None = None
    kl: float | None = None


Objective = Callable[[int], StepLoss]


def snapshot_steps(steps: int, count: int) -> tuple[int, ...]:
    """At most `count` steps from 0 to `steps`, both included, log-spaced between; and the last but one, so that the update of
    the last step alone can be read."""
    between = count - 2
    return tuple(sorted({0, steps - 1, steps} | {round(steps ** (i / between)) for i in range(between)}))


def kept_steps(recipe: Recipe) -> tuple[int, ...]:
    """Steps whose weights a run keeps: log-spaced, or for a language model evenly spaced, with the first and the last two."""
    if recipe.lm is None:
        return snapshot_steps(recipe.steps, recipe.snapshots)
    return tuple(sorted({*range(0, recipe.steps, recipe.lm.every), *snapshot_steps(recipe.steps, 2)}))


def learning_rate(recipe: Recipe, step: int) -> float:
    """Learning rate of step 1, 2, ..., recipe.steps."""
    if step <= recipe.warmup:
        return recipe.lr * step / recipe.warmup
    if recipe.schedule == "linear":
        return recipe.lr * (recipe.steps - step + 1) / max(1, recipe.steps - recipe.warmup)
    return recipe.lr


def run_loop(
    model: nn.Module,
    recipe: Recipe,
    objective: Objective,
    *,
    name: dict[str, object],
    snapshot: Callable[[int], None],
    progress: Callable[[dict], None] | None = None,
    started: Callable[[torch.optim.Optimizer], None] | None = None,
    finished: Callable[[torch.optim.Optimizer], None] | None = None,
    adapted: "Adapted | None" = None,
    norms: bool = True,
) -> list[dict]:
    """Carry out a recipe on the model, in place.

    Args:
        model: fp32, in eval mode (there is no dropout to switch on).
        objective: loss of step 1, 2, ...
        name: arm, scale and seed, for messages and progress.
        snapshot: called with the step whose weights are to be kept, 0 included.
        progress: called at most every 2 s and at the end with name, step, steps, reward, loss, seconds, seconds_left.
        started, finished: called with the optimizer before the first step, and after the last.
        adapted: what is on the model, where adapters are: they alone are stepped, and read merged.
        norms: whether update_norm is found after every step; else after those that are kept, and None between.

    Returns:
        The log, a row per step.

    Raises:
        Diverged: loss, gradient or update is not finite.
        TrainingError: the reward was all 0 or all 1 at each of the first steps.
    """
    matrices = adapted.matrices if adapted else lambda: _matrices(model)
    optimizer = optimizers.build(recipe, model, name["seed"], adapted)  # it may freeze what the recipe holds
    parameters = [p for p in model.parameters() if p.requires_grad]
    ratios = [group["lr"] / recipe.lr if recipe.lr else 1.0 for group in optimizer.param_groups]
    rounding = torch.Generator(parameters[0].device).manual_seed(name["seed"])
    start = [p.detach().clone() for p in matrices()]
    keep, log, began, told = set(kept_steps(recipe)), [], time.perf_counter(), 0.0
    if started:
        started(optimizer)
    snapshot(0)
    for step in range(1, recipe.steps + 1):
        found = objective(step)
        optimizer.zero_grad()
        (found.loss if adapted is None else adapted.penalised(found.loss)).backward()
        grad_norm = nn.utils.clip_grad_norm_(parameters, recipe.clip).item()
        loss = found.loss.item()
        _check_finite(name, step, {"loss": loss, "gradient norm": grad_norm})
        lr = learning_rate(recipe, step)
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = lr * ratio
        optimizer.step()
        round_parameters(parameters, recipe.storage, rounding)
        if adapted:
            adapted.after_step(step)
        update_norm = _distance(matrices(), start) if norms or step in keep else None
        moved = update_norm or 0.0
        first = adapted.not_finite() if adapted and not math.isfinite(moved) else None
        _check_finite(name, step, {f"{first} merged, update norm" if first else "update norm": moved})
        seconds = time.perf_counter() - began
        log.append(
            dict(step=step, loss=loss, reward=found.reward, kl=found.kl, grad_norm=grad_norm,
                 update_norm=update_norm, lr=lr, seconds=round(seconds, 3))
        )  # fmt: skip
        if step == min(NO_SIGNAL_STEPS, recipe.steps):
            _check_signal(name, [row["reward"] for row in log])
        if step in keep:
            snapshot(step)
        if finished and step == recipe.steps:
            finished(optimizer)
        if progress and (seconds - told >= PROGRESS_S or step == recipe.steps):
            told = seconds
            pace = (seconds - log[0]["seconds"]) / (step - 1) if step > 1 else seconds  # the first step warms up
            left = pace * (recipe.steps - step)
            progress(
                dict(name, step=step, steps=recipe.steps, reward=found.reward, loss=loss, seconds=seconds, seconds_left=left)
            )
    return log


def _check_finite(name: dict[str, object], step: int, values: dict[str, float]) -> None:
    if not all(map(math.isfinite, values.values())):
        what = ", ".join(f"{which} {value}" for which, value in values.items())
        raise Diverged(
            "The {arm} run of seed {seed} at scale {scale} diverged".format(**name)
            + f" at step {step} ({what}); nothing was cached. Lower its learning rate."
        )


def _check_signal(name: dict[str, object], rewards: list[float | None]) -> None:
    """Where all of a batch earn the same, every advantage is 0; for ever so, the run would be its base and say nothing."""
    if all(reward in (0.0, 1.0) for reward in rewards):
        raise TrainingError(
            "The {arm} run of seed {seed} at scale {scale} has no signal: ".format(**name)
            + f"the reward was {rewards[-1]:.0f} for every completion of its first {len(rewards)} steps; nothing was cached."
            " Choose a task that its base solves sometimes."
        )


def _matrices(model: nn.Module) -> list[Tensor]:
    return list(projections(dense(model)).values())


@torch.no_grad()
def _distance(now: list[Tensor], start: list[Tensor]) -> float:
    """Frobenius norm of the joint update. The fp32 difference is rounded once, to 6e-8 of itself; squares are summed in fp64."""
    norms = (torch.linalg.vector_norm(a - b, dtype=torch.float64).item() for a, b in zip(now, start, strict=True))
    return math.hypot(*norms)
