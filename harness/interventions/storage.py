"""Weights as a storage format would keep them, computed in fp32: what a training run without an fp32 master sees.

    fp32      x
    bf16      nearest of the numbers with 7 mantissa bits, ties to the even one; likewise fp16, with 10
    bf16_sr   the neighbour above with probability (x - below) / (above - below), else the one below: E[result] = x

Source: arXiv 2511.08567, Cor. 3.6 (round to nearest hides what lies under half a step); Gupta et al. 1502.02551 for
stochastic rounding, here on the bits: the 16 that bf16 drops, plus 16 random ones, carry or do not.
Trap: with round to nearest, steps under half a ulp are lost for good when the weights are rounded after every step, and only
hidden when an fp32 master is cast at the end. Stochastic rounding keeps them in the mean and makes the change dense.
Trap: fp16 ends at 65504 (beyond it inf) and is subnormal below 6.1e-5, where its relative steps are coarser than bf16's.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from harness.errors import SpecError

STORAGES = ("fp32", "bf16", "bf16_sr", "fp16")
_NEAREST = {"bf16": torch.bfloat16, "fp16": torch.float16}
_DROPPED = 16  # mantissa bits of fp32 that bf16 has no room for


def round_to(tensor: Tensor, storage: str, generator: torch.Generator | None = None) -> Tensor:
    """The values of a tensor on the grid of a storage format, still as fp32.

    Args:
        tensor: any shape, fp32; nan and inf stay what they are.
        storage: one of STORAGES.
        generator: on the tensor's device; needed by "bf16_sr", left alone by the others.

    Returns:
        A new tensor, same shape, fp32; the tensor itself for "fp32".

    Raises:
        SpecError: an unknown storage, a tensor of another dtype, or "bf16_sr" without a generator.
    """
    if storage not in STORAGES:
        raise SpecError(f"unknown storage {storage!r}: use one of {', '.join(STORAGES)}.")
    if tensor.dtype != torch.float32:
        raise SpecError(f"weights of {tensor.dtype} cannot be rounded to {storage}: keep them in torch.float32.")
    if storage == "fp32":
        return tensor
    if storage == "bf16_sr":
        if generator is None:
            raise SpecError("stochastic rounding draws at random: pass a generator.")
        return _stochastic(tensor, generator)
    return tensor.to(_NEAREST[storage]).float()


@torch.no_grad()
def round_parameters(parameters: Iterable[Tensor], storage: str, generator: torch.Generator | None = None) -> None:
    """Round weights in place, as after an optimizer's step. Arguments and errors as `round_to`."""
    if storage == "fp32":
        return
    for parameter in parameters:
        parameter.copy_(round_to(parameter.detach(), storage, generator))


def _stochastic(tensor: Tensor, generator: torch.Generator) -> Tensor:
    # Sign and magnitude: the integer sum moves away from 0, over the end of a binade too, where the step below it applies.
    bits = tensor.contiguous().view(torch.int32)
    noise = torch.randint(0, 1 << _DROPPED, tensor.shape, generator=generator, device=tensor.device, dtype=torch.int32)
    rounded = ((bits + noise) & (-1 << _DROPPED)).view(torch.float32)
    largest = torch.finfo(torch.bfloat16).max
    return torch.where(tensor.isfinite(), rounded.clamp(-largest, largest), tensor)
