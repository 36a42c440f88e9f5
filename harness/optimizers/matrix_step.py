"""One step of one 2-D parameter in its subspace.

    G' = (G + E) without its part in the history           E what projections dropped before (`feedback`)
    at a refresh: P from G', moments carried over
    R = P^T G';   N from R and the moments;   U from N, P, R and G'
    W <- (W - lr factor U) (1 - lr wd)                     "huggingface"; "torch" decays first
    E <- G' - P R + b1 / (1 - b1) (P_old M_old - P C M_old)

G is turned so that the projected side comes first; a transposed view stays one throughout, so that sums run along memory.
Source: the papers in `presets.py`; error feedback LDAdam 2410.16103, Alg. 1, here in the state and not in p.grad.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from harness.optimizers import history, moments, projectors
from harness.optimizers import state as states
from harness.optimizers.frequent_directions import absorb, leading_rows, rows_inside
from harness.optimizers.options import Subspace
from harness.optimizers.overlap import overlap
from harness.optimizers.state import State
from harness.optimizers.updates import lift, updated


class Look(NamedTuple):
    """What a probe sees of one parameter's step; copy what is to be kept.

    Attributes:
        parameter: its value before the step.
        index: its place among all parameters of the optimizer.
        step: 1, 2, ...
        refreshed: whether P is new.
        basis: P (a, r).
        overlap: of P with the one before, at a refresh but the first; else None.
        projected: R (r, b).
        update: U (a, b), before learning rate and correction of bias.
        flipped: whether (a, b) is the transposed weight.
    """

    parameter: nn.Parameter
    index: int
    step: int
    refreshed: bool
    basis: Tensor
    overlap: float | None
    projected: Tensor
    update: Tensor
    flipped: bool


class _Basis(NamedTuple):
    """P of this step, the one of the last (None at the first), and whether they may differ."""

    now: Tensor
    before: Tensor | None
    refreshed: bool


def step_matrix(
    parameter: nn.Parameter,
    state: State,
    group: dict,
    options: Subspace,
    index: int,
    probes: Sequence[Callable[[Look], None]] = (),
) -> None:
    """Move a parameter and its state by its gradient, which is finite.

    Args:
        parameter: (m, n).
        state: its tensors; filled at the first step.
        group: its parameter group: lr, betas, eps, weight_decay, seed.
        options: how.
        index: its number, for random projectors.
        probes: called before the weight moves.
    """
    if not state:
        state.update(states.fresh(parameter, options))
    flipped, step = options.flips(parameter.shape), int(state["step"].item()) + 1
    gradient = (parameter.grad.T if flipped else parameter.grad).to(states.working_dtype(parameter))
    if options.feedback:
        gradient = gradient + state["error"]
    gradient = history.outside(gradient, state.get("history"))
    seen = gradient
    if options.second == "factored":
        seen = moments.factored(gradient, state["row_mean"], state["column_mean"], step)

    carried = state["exp_avg"].clone() if options.feedback else None
    basis = _basis(state, group, options, projectors.Draw(group["seed"], index, 0), gradient, step)
    projected = basis.now.T @ seen
    if options.feedback:
        _remember_lost(state, group["betas"][0], basis, projected, gradient, carried)
    if options.sketch:
        rows = leading_rows(gradient, options.sketch_rank) if options.sketch_rank else rows_inside(basis.now, projected)
        absorb(state["sketch"], rows)

    if options.second == "adam":
        m, v = state["exp_avg"], state["exp_avg_sq"]
        found = moments.adam(m, v, projected, step, group["betas"], group["eps"], options.adam)
    else:
        found = moments.momentum(state["exp_avg"], projected, group["betas"])
    update = updated(
        options.update, found.N, projected, basis.now, gradient, options.scale, options.limiter, state.get("limited_norm"),
        after_scale=options.limiter_after_scale,
    )  # fmt: skip
    if options.second == "factored":
        update = moments.clipped(update)

    if probes:
        shared = overlap(basis.before, basis.now) if basis.refreshed and basis.before is not None else None
        look = Look(parameter, index, step, basis.refreshed, basis.now, shared, projected, update, flipped)
        for probe in probes:
            probe(look)
    decay, length = 1.0 - group["lr"] * group["weight_decay"], group["lr"] * found.factor * options.warmth(step)
    if options.adam == "torch" and decay != 1.0:
        parameter.mul_(decay)
    parameter.add_(update.T if flipped else update, alpha=-length)
    if options.adam == "huggingface" and decay != 1.0:
        parameter.mul_(decay)
    state["step"] += 1.0


def _basis(state: State, group: dict, options: Subspace, draw: projectors.Draw, gradient: Tensor, step: int) -> _Basis:
    """P for this step; at a refresh it is new, remembered, and the moments are carried over."""
    before = _stored(state, options, draw, gradient, step - 1)
    if not options.due(step):
        return _Basis(before, before, False)
    b1, made, held = group["betas"][0], step - 1, state.get("history")
    mixed = None
    if options.mix and before is not None and made:
        mixed = (options.mix / (1.0 - b1**made)) * lift(before, state["exp_avg"], gradient) + (1.0 - options.mix) * gradient
    state["refreshes"] += 1
    draw = draw._replace(refresh=int(state["refreshes"].item()))
    name = options.projector_at(step)
    now = projectors.project(name, gradient, options.rank, draw, before, exact=options.exact, mixed=mixed)
    now = history.basis_outside(now, held)
    states.store_basis(state, now, options)
    if options.bits:
        now = states.stored_basis(state, options, gradient.shape[0])
    if made and options.moments == "rotate":
        moments.rotate(state["exp_avg"], state.get("exp_avg_sq"), now.T @ before, made, group["betas"])
    if made and options.moments == "reset":
        for which in ("exp_avg", "exp_avg_sq"):
            if which in state:
                moments.reset(state[which], options.reset_share)
    return _Basis(now, before, True)


def _stored(state: State, options: Subspace, draw: projectors.Draw, gradient: Tensor, made: int) -> Tensor | None:
    """P as of the last refresh; None before the first."""
    count = int(state["refreshes"].item())
    if not options.recompute or not count:
        return states.stored_basis(state, options, gradient.shape[0])
    last = 1 if options.refresh is None else (made - 1) // options.refresh * options.refresh + 1
    drawn = projectors.random_basis(options.projector_at(last), gradient, options.rank, draw._replace(refresh=count))
    return history.basis_outside(drawn, state.get("history"))


def _remember_lost(
    state: State, b1: float, basis: _Basis, projected: Tensor, gradient: Tensor, carried: Tensor
) -> None:
    """E: what the projection drops of the gradient, and what the change of subspace drops of the first moment."""
    weight = b1 / (1.0 - b1) if basis.refreshed and basis.before is not None else 0.0
    error = state["error"].copy_(gradient).sub_(lift(basis.now, projected + weight * state["exp_avg"], gradient))
    if weight:
        error.add_(lift(basis.before, weight * carried, gradient))
