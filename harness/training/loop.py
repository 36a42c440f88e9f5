"""The loop that every arm shares: optimizer, warm-up, clipping, log, snapshots, progress.

An objective (pretrain.py, sft.py, rlvr.py) gives the loss of one step; everything that could differ between arms by
accident lives here once. A row of the log:

    step, loss, reward, kl    of the batch, before the step's update; reward and kl are None for cross-entropy
    grad_norm                 before clipping
    update_norm               |theta - theta_0|_F over the projections, after the step
    lr, seconds               learning rate used; wall time since the start
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.errors import TrainingError
from harness.training.recipes import Recipe
from harness.training.runs import projections

PROGRESS_S = 2.0


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
    """At most `count` steps from 0 to `steps`, both included, log-spaced between."""
    between = count - 2
    return tuple(sorted({0, steps} | {round(steps ** (i / between)) for i in range(between)}))


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
) -> list[dict]:
    """Carry out a recipe on the model, in place.

    Args:
        model: fp32, in eval mode (there is no dropout to switch on).
        objective: loss of step 1, 2, ...
        name: arm, scale and seed, for messages and progress.
        snapshot: called with the step whose weights are to be kept, 0 included.
        progress: called at most every 2 s and at the end with name, step, steps, reward, loss, seconds_left.

    Returns:
        The log, a row per step.

    Raises:
        TrainingError: loss or gradient is not finite.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay, fused=True
    )
    matrices = list(projections(dict(model.named_parameters())).values())
    start = [p.detach().clone() for p in matrices]
    keep, log, began, told = set(snapshot_steps(recipe.steps, recipe.snapshots)), [], time.perf_counter(), 0.0
    snapshot(0)
    for step in range(1, recipe.steps + 1):
        found = objective(step)
        optimizer.zero_grad()
        found.loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(parameters, recipe.clip).item()
        loss = found.loss.item()
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise TrainingError(
                "The {arm} run of seed {seed} at scale {scale} diverged".format(**name)
                + f" at step {step} (loss {loss}, gradient norm {grad_norm}); nothing was cached. Lower its learning rate."
            )
        optimizer.param_groups[0]["lr"] = lr = learning_rate(recipe, step)
        optimizer.step()
        seconds = time.perf_counter() - began
        log.append(
            dict(step=step, loss=loss, reward=found.reward, kl=found.kl, grad_norm=grad_norm,
                 update_norm=_distance(matrices, start), lr=lr, seconds=round(seconds, 3))
        )  # fmt: skip
        if step in keep:
            snapshot(step)
        if progress and (seconds - told >= PROGRESS_S or step == recipe.steps):
            told = seconds
            left = seconds / step * (recipe.steps - step)
            progress(dict(name, step=step, steps=recipe.steps, reward=found.reward, loss=loss, seconds_left=left))
    return log


@torch.no_grad()
def _distance(now: list[Tensor], start: list[Tensor]) -> float:
    """Frobenius norm of the joint update; subtracted in fp64, where a small update of a large weight is exact."""
    return math.sqrt(sum((a.double() - b.double()).square().sum().item() for a, b in zip(now, start, strict=True)))
