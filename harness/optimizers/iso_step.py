"""One step of one matrix W = U diag(s) V^T with gradient G.

    frames      G_U = G V diag(s),  G_V = G^T U diag(s)         or their tangent parts
                U <- R(U, D_U),     V <- R(V, D_V)              D from the base rule, R a retraction
                first moments <- their tangent parts at the new frames, with transport
    spectrum    g = diag(U^T G V),  s <- s + D
    W <- U diag(s) V^T, rounded to the weight's dtype

Source: ISO 2607.19331, Eq. 30-35, as quoted; the Riemannian gradient and the transport are derived (sheet, section 2.3).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.errors import TrainingError
from harness.optimizers import iso_state as states
from harness.optimizers import retractions
from harness.optimizers.base_rules import displacement
from harness.optimizers.iso_options import Isospectral
from harness.optimizers.projectors import Draw
from harness.optimizers.state import State
from harness.optimizers.stiefel import tangent


def step_matrix(parameter: nn.Parameter, state: State, group: dict, options: Isospectral, index: int) -> None:
    """Move a parameter and its state, which has frames, by its gradient, which is finite.

    Args:
        parameter: (m, n).
        state: its tensors.
        group: its parameter group: lr, betas, eps, fused, seed.
        options: how.
        index: its number, for permutations.

    Raises:
        TrainingError: the step is not finite; the weight and its frames are as they were.
    """
    u, s, v = state["left"], state["spectrum"], state["right"]
    gradient, step = parameter.grad.to(u.dtype), int(state["step"].item()) + 1

    def displaced(part: str, pulled: Tensor) -> Tensor:
        return displacement(options.base, pulled, states.moments(state, options, part), step, group, options.momentum)

    if options.train == "spectrum":
        moved = {"spectrum": s + displaced("spectrum", ((gradient @ v) * u).sum(0))}
        if not moved["spectrum"].isfinite().all():
            raise TrainingError("a step of a spectrum is not finite: lower the learning rate.")
    else:
        pulled = {"left": (gradient @ v).mul_(s), "right": (gradient.T @ u).mul_(s)}
        moved = {}
        for number, (side, found) in enumerate(pulled.items()):
            seen = tangent(state[side], found) if options.gradient == "riemannian" else found
            draw = Draw(group["seed"], 2 * index + number, step)
            moved[side] = _retracted(state[side], displaced(side, seen), options, step, draw)
    state |= moved
    if options.transport:
        for side in states.SIDES:
            first = states.moments(state, options, side)[0]
            first.copy_(tangent(state[side], first))
    state["step"] += 1.0
    parameter.copy_(product(state))


def product(state: State) -> Tensor:
    """W (m, n) in the precision of the frames."""
    return (state["left"] * state["spectrum"]) @ state["right"].T


def _retracted(frame: Tensor, moved: Tensor, options: Isospectral, step: int, draw: Draw) -> Tensor:
    shuffle: Callable[[int], Tensor] = lambda rows: torch.randperm(rows, generator=draw.generator())  # noqa: E731
    found = retractions.retract(
        options.retraction, frame, moved, iterations=options.iterations, block=options.block, permutation=shuffle
    )
    return retractions.tightened(found) if options.tightens(step) else found
