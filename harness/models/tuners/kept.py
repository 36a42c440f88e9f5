"""What belongs to an adapter and is neither parameter nor buffer of its layers: tensors that peft only refers to, and starts.

    start      A0, B0 of a layer whose base lost c B0 A0 at the start: with them the base can be made again, in kilobytes
    loose      tensors in plain attributes: places of Fourier and wavelet coefficients, the frames that layers share

A start is kept where it cannot be found again from the base alone: it was drawn, or read off data. PiSSA's is found again.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

ADAPTER = "default"
"""peft's name of the only adapter."""

START = ".start_"


def starts(layers: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """Copies of A and B of LoRA layers as they are now, by path of the layer and factor."""
    found = {}
    for path, layer in layers:
        for factor in ("A", "B"):
            found[f"{path}{START}{factor}"] = getattr(layer, f"lora_{factor}")[ADAPTER].weight.detach().clone()
    return found


@torch.no_grad()
def change_start(layer: nn.Module, old: tuple[Tensor, Tensor] | None, new: tuple[Tensor, Tensor]) -> None:
    """Give a layer's base back what one start (A0, B0) took, and take what another takes.

    Args:
        layer: a LoRA layer of peft.
        old: what its base lacks now; None where it is whole.
        new: what it is to lack.
    """
    base, scaling = layer.base_layer.weight, layer.scaling[ADAPTER]
    if old is not None:
        if all(map(torch.equal, old, new)):
            return
        base.add_(scaling * old[1] @ old[0])
    base.sub_(scaling * new[1] @ new[0])


def loose(layers: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """Tensors in plain attributes of adapted layers, each of them once, by path, attribute and adapter."""
    found, seen = {}, set()
    for path, layer in layers:
        for attribute, value in vars(layer).items():
            if attribute.startswith("_"):  # torch's own stores, and caches
                continue
            for key, tensor in _tensors(value).items():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    found[f"{path}.{attribute}.{key}"] = tensor
    return found


def _tensors(value: object) -> Mapping[str, Tensor]:
    if isinstance(value, nn.Module):  # a store of the model's that a layer refers to
        return dict(value.named_buffers())
    if not isinstance(value, dict):
        return {}
    return {key: tensor for key, tensor in value.items() if isinstance(tensor, Tensor)}
