"""What isospectral training remembers of a matrix: tensors only, so that a checkpoint loads with weights_only.

    step, shape                 0-d and (2,): steps made, shape of the weight
    left, right, spectrum       U (m, q), V (n, q), s (q,)
    exp_avg_left, ...           moments of what is trained: frames have theirs each (`_left`, `_right`), a spectrum `_spectrum`

Elements, counters aside: (m + n) q + q, and as much again for each moment of the frames (q for one of the spectrum).
Frames are fp32, and fp64 for an fp64 weight. They come from an fp64 SVD of the weight as it is at its first step.
Trap: in bf16 |U^T U - I| is 4e-3 and a step of relative size 1e-6 is lost: frames in it are refused.
Trap: a weight of zeros has a spectrum of zeros, which holds it there.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.errors import SpecError, TrainingError
from harness.optimizers import base_rules
from harness.optimizers.iso_options import STRUCTURE, Isospectral
from harness.optimizers.state import State, working_dtype
from harness.optimizers.stiefel import deviation

SIDES = ("left", "right")
LOOSE = 1e-3


class Frames(NamedTuple):
    """U (m, q), s (q,) and V (n, q) of a weight U diag(s) V^T; a trained s need be neither sorted nor positive."""

    U: Tensor
    S: Tensor
    V: Tensor


def fresh(parameter: nn.Parameter, options: Isospectral, name: str) -> State:
    """The state before the first step.

    Raises:
        TrainingError: the weight is not finite.
        SpecError: it is all zeros, and its frames are to be trained.
    """
    weight = parameter.detach().double()
    if not weight.isfinite().all():
        raise TrainingError(f"{name} is not finite, so it has no singular values.")
    if options.train == "frames" and not weight.any():
        raise SpecError(f"{name} is all zeros, and at that spectrum it stays so: train it in a group without `iso`.")
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    dtype = working_dtype(parameter)
    state = {
        "step": torch.tensor(0.0),
        "shape": torch.tensor(tuple(parameter.shape)),
        "left": left.to(dtype).contiguous(),
        "right": right.T.to(dtype).contiguous(),
        "spectrum": values.to(dtype),
    }
    for part in SIDES if options.train == "frames" else ("spectrum",):
        for moment in base_rules.moments_of(options.base, options.momentum):
            state[f"{moment}_{part}"] = torch.zeros_like(state[part])
    return state


def moments(state: State, options: Isospectral, part: str) -> list[Tensor]:
    """Those of a frame or of the spectrum."""
    return [state[f"{moment}_{part}"] for moment in base_rules.moments_of(options.base, options.momentum)]


def check_groups(own: list[dict], saved: list[dict]) -> None:
    """Refuse a checkpoint whose states would not fit.

    Raises:
        SpecError: groups differ in number or in size, or in what decides the tensors of a state.
    """
    if [len(group["params"]) for group in own] != [len(group["params"]) for group in saved]:
        raise SpecError("the checkpoint was made for other parameter groups: build the optimizer as it was built then.")
    for number, (group, other) in enumerate(zip(own, saved, strict=True)):
        here, there = group["iso"] or {}, other.get("iso") or {}
        if bool(here) != bool(there):
            which = "" if there else "not "
            raise SpecError(f"group {number} of the checkpoint is {which}isospectral, and here it is the other way.")
        for name in (*STRUCTURE, "momentum"):
            differ = here.get(name) != there.get(name)
            if differ and (name != "momentum" or (here["base"] == "sgd" and 0.0 in (here[name], there[name]))):
                raise SpecError(
                    f"the checkpoint has {name} {there.get(name)} in group {number}, and here it is {here.get(name)}: "
                    f"resume with {name} {there.get(name)}, or start afresh."
                )


def check_frames(parameter: nn.Parameter, saved: Mapping[str, Tensor], name: str) -> None:
    """Refuse saved frames that were stored too coarsely.

    Raises:
        SpecError: they are of another dtype than frames of this parameter are, or not orthonormal to 1e-3.
    """
    for side in SIDES:
        frame, dtype = saved[side], working_dtype(parameter)
        loose = deviation(frame)
        if frame.dtype != dtype or not loose <= LOOSE:
            raise SpecError(
                f"the {side} frame of {name} was saved as {frame.dtype} with |X^T X - I| / sqrt(q) = {loose:.1e}: it must be "
                f"{dtype} and below {LOOSE:g}; save the optimizer in the precision that it has."
            )
