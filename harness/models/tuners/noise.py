"""Tuners that compute otherwise where gradients are taken: in training mode there alone, their noise drawn by the run's seed.

MonteCLoRA and PVeRA add noise, VeLoRA takes an approximate gradient of A; peft asks for module.training, and the models here
stay in eval mode. So every layer is in training mode exactly while gradients are on: an answer is sampled, and a matrix read,
without noise. Noise goes by a generator state of the adapter's own, and the global one is left as it was.

Trap: on an accelerator the noise is drawn there, by its own generator, which is not confined.
"""

from collections.abc import Iterable

import torch
from torch import nn


def confine(layers: Iterable[tuple[str, nn.Module]], seed: int) -> None:
    """Set modes and noise of these layers by hooks.

    Args:
        layers: adapted layers by path.
        seed: of the noise.
    """
    own, outside = torch.Generator().manual_seed(seed).get_state(), []

    def before(module: nn.Module, inputs: object) -> None:
        module.train(torch.is_grad_enabled())
        outside.append(torch.get_rng_state())
        torch.set_rng_state(own)

    def after(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal own
        own = torch.get_rng_state()
        torch.set_rng_state(outside.pop())

    for _, layer in layers:
        layer.register_forward_pre_hook(before)
        layer.register_forward_hook(after, always_call=True)
