"""What a step remembers of a 2-D parameter: tensors only, so that a checkpoint loads with weights_only and resumes bit for bit.

    step, refreshes          0-d: steps and refreshes made
    shape                    (2,): that of the weight
    basis                    P (a, r); or codes, low, width (`bits`); or nothing (`recompute`: drawn from the seed)
    exp_avg, exp_avg_sq      M and V (r, b); "factored" has means (a,) and (b,) in place of V, "none" nothing
    limited_norm             0-d, where there is a limiter
    error                    (a, b), with feedback
    sketch, history          (l, a) and (a, h), with a sketch

Elements at rank r, counters and shape aside: GaLore a r + 2 r b; APOLLO with `recompute` 2 r b + 2, its seed and norm counted.
Both are the papers' counts.
Source: galore-torch, apollo-torch and fira keep a projector object in the state, which weights_only refuses (the Trainer of
transformers 5.23 cannot resume them).
Trap: torch casts every loaded tensor to the parameter's dtype, which rounds fp32 moments of a bf16 weight and breaks integer
codes, and shares memory with the loaded dictionary where it need not cast. `restored` does neither.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.optimizers.options import STRUCTURE, Subspace
from harness.optimizers.quantized import Codes, dequantize, quantize

State = dict[str, Tensor]
COUNTERS = ("step", "refreshes", "shape")


def fresh(parameter: nn.Parameter, options: Subspace) -> State:
    """The state before the first step; P comes with the first refresh."""
    a, b = options.oriented(parameter.shape)
    like = dict(device=parameter.device, dtype=working_dtype(parameter))
    state = {
        "step": torch.tensor(0.0),
        "refreshes": torch.tensor(0),
        "shape": torch.tensor(tuple(parameter.shape)),
        "exp_avg": torch.zeros(options.rank, b, **like),
    }
    if options.second == "adam":
        state["exp_avg_sq"] = torch.zeros(options.rank, b, **like)
    if options.second == "factored":
        state |= {"row_mean": torch.zeros(a, **like), "column_mean": torch.zeros(b, **like)}
    if options.limiter is not None:
        state["limited_norm"] = torch.zeros((), **like)
    if options.feedback:
        whole = torch.zeros(tuple(parameter.shape), **like)  # in the weight's memory order, as its gradients come
        state["error"] = whole.T if options.flips(parameter.shape) else whole
    if options.sketch:
        state |= {"sketch": torch.zeros(options.sketch, a, **like), "history": torch.zeros(a, 0, **like)}
    return state


def working_dtype(parameter: Tensor) -> torch.dtype:
    """fp64 for fp64 weights, else fp32: of moments, of P and of the arithmetic."""
    return torch.float64 if parameter.dtype == torch.float64 else torch.float32


def store_basis(state: State, basis: Tensor, options: Subspace) -> None:
    """Remember P as the options say."""
    if options.bits:
        state |= quantize(basis, options.bits)._asdict()
    elif not options.recompute:
        state["basis"] = basis.contiguous()


def stored_basis(state: State, options: Subspace, a: int) -> Tensor | None:
    """P (a, r) as it is remembered; None before the first refresh, and where it is recomputed."""
    if options.bits and "codes" in state:
        return dequantize(Codes(state["codes"], state["low"], state["width"]), (a, options.rank), options.bits)
    return state.get("basis")


def check_groups(own: list[dict], saved: list[dict]) -> None:
    """Refuse a checkpoint whose states would not fit.

    Raises:
        SpecError: groups differ in number or in size, or in what decides the tensors of a state.
    """
    if [len(group["params"]) for group in own] != [len(group["params"]) for group in saved]:
        raise SpecError("the checkpoint was made for other parameter groups: build the optimizer as it was built then.")
    for number, (group, other) in enumerate(zip(own, saved, strict=True)):
        here, there = group["subspace"] or {}, other.get("subspace") or {}
        if bool(here) != bool(there):
            which = "a" if there else "no"
            raise SpecError(f"group {number} of the checkpoint has {which} subspace, and here it is the other way.")
        for name in STRUCTURE:
            if here.get(name) != there.get(name) and (name != "limiter" or None in (here[name], there[name])):
                raise SpecError(
                    f"the checkpoint has {name} {there.get(name)} in group {number}, and here it is {here.get(name)}: "
                    f"resume with {name} {there.get(name)}, or start afresh."
                )


def check_shapes(parameter: nn.Parameter, state: Mapping[str, Tensor], name: str) -> None:
    """Refuse a parameter that is not of the shape that its state was made for.

    Raises:
        SpecError: it changed its shape, or the state is another parameter's.
    """
    shape = tuple(parameter.shape)
    made_for = tuple(state["shape"].tolist()) if "shape" in state else tuple(state["exp_avg"].shape)
    if shape != made_for:
        raise SpecError(
            f"{name} has shape {shape}, and its state was made for {made_for}: "
            "make a new optimizer when parameters change their shape."
        )


def restored(saved: Mapping[str, Tensor], device: torch.device, steps_on_device: bool) -> State:
    """Copies of saved tensors on a device, in the dtype they were saved in; counters stay on the CPU.

    Args:
        saved: the state of one parameter.
        device: the parameter's.
        steps_on_device: AdamW's fused kernels want the counter of steps there too.
    """
    stay = COUNTERS[1:] if steps_on_device else COUNTERS
    return {key: value.detach().clone().to("cpu" if key in stay else device) for key, value in saved.items()}
