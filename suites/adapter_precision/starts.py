"""Starts that take from the base: how far the model that training begins with is from the one that it was to begin with.

    off = |fl(W0 - D) + D - W0|_F,   D = c B A, what a tuner moves out of the base into its factors

The base keeps its format, the factors are fp32, as peft has them. Where D_ij lies under half a step of W0_ij the base keeps the
weight whole, and the factors add it a second time.
Source: MiLoRA as in PeRL (sheet rlvr, 3.7), which subtracts from a bf16 base; PiSSA in peft does so as well.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Start(NamedTuple):
    """Norms over all matrices at once: of the error, of what was taken, and of the base."""

    off: float
    taken: float
    base: float


def start(base: "Mapping[str, Tensor]", tuner: str, dtype: str) -> Start:
    """Put a tuner on bare linear layers of a storage format and read what they compute before the first step.

    Args:
        base: name -> (m, n); rounded to the format first, and compared with that.
        tuner: one of peft's LoRA layers.
        dtype: of the base.
    """
    import torch
    from harness.models.adapters import Adaptation
    from harness.models.tuners import adapt
    from harness.spectra.precision import storage_dtype
    from torch import nn

    kept = storage_dtype(dtype)
    layers = nn.ModuleList(nn.Linear(w0.shape[1], w0.shape[0], bias=False, dtype=kept) for w0 in base.values())
    off = taken = whole = 0.0
    with torch.no_grad():
        for layer, w0 in zip(layers, base.values(), strict=True):
            layer.weight.copy_(w0)
    adapt(layers, Adaptation(tuner, targets=tuple(str(i) for i in range(len(layers)))), 0)
    for layer, w0 in zip(layers, base.values(), strict=True):
        first = w0.to(kept).double()
        product = layer.get_delta_weight("default").detach().double()
        off += (layer.base_layer.weight.detach().double() + product - first).square().sum().item()
        taken += product.square().sum().item()
        whole += first.square().sum().item()
    return Start(off**0.5, taken**0.5, whole**0.5)
