"""What runs on tasks in turn hand to each other: directions H (in, h) of every matrix, orthonormal, on the side of its inputs.

    dW H = 0    leaves the outputs W x as they were for every input x in span(H)

`begin` puts H before an optimizer's first step, `left` reads it after the last. The method decides how H is kept off (see
continual.py): a subspace method projects P, so dW H is rounding; any other gets G (I - H H^T) for its gradient.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from harness.errors import TrainingError
from harness.optimizers import SubspaceOptimizer
from harness.training.continual import Continual
from harness.training.runs import projections


def begin(
    optimizer: torch.optim.Optimizer, model: nn.Module, task: Continual, held: Mapping[str, Tensor] | None, seed: int
) -> None:
    """Keep an optimizer off the directions that the task protects.

    Args:
        optimizer: before its first step.
        held: what the base run left, by the matrices' short names; None where it left nothing.
        seed: of the run; draws the random directions.

    Raises:
        TrainingError: there is nothing to protect.
    """
    if task.protects is None:
        return
    if held is None:
        raise TrainingError("The base run left no directions to protect: give its recipe an energy and a method with a sketch.")
    matrices = projections(dict(model.named_parameters()))
    if task.protects == "random":
        held = drawn(held, seed)
    by_parameter = {matrices[name]: basis.to(matrices[name]) for name, basis in held.items()}
    if isinstance(optimizer, SubspaceOptimizer):
        optimizer.protect(by_parameter)
    else:
        optimizer.register_step_pre_hook(lambda *_: _project(by_parameter))


def drawn(held: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """As many directions for each matrix, uniform."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.linalg.qr(torch.randn(held[name].shape, generator=generator)).Q for name in sorted(held)}


def left(optimizer: torch.optim.Optimizer, model: nn.Module, energy: float) -> dict[str, Tensor]:
    """End a task: the directions of every matrix, those of the tasks before first, by short name.

    Raises:
        SpecError: the optimizer has no sketch.
    """
    optimizer.end_task(energy)
    matrices = projections(dict(model.named_parameters()))
    return {name: optimizer.state[p]["history"].to("cpu", torch.float32).contiguous() for name, p in matrices.items()}


def _project(held: Mapping[nn.Parameter, Tensor]) -> None:
    for p, basis in held.items():
        p.grad.sub_((p.grad @ basis) @ basis.T)
