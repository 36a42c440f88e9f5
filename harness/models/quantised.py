"""A base whose weights were quantised (QLoRA's): refused where an adapter is to be put on it, or read on it.

An update is W1 - W0 in floating point. On 4-bit weights W0 is what the layer multiplies by after dequantising, which only the
library that packed it knows; on a CPU without it the model cannot even be built. Dequantised once, it is a base like any other.

fp8 and MXFP4 are no part of this: their scales are applied, or what is packed is left out, where tensors are read (side.py).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

READ = ("fp8", "fbgemm_fp8", "compressed-tensors", "modelopt", "mxfp4")
"""Methods whose tensors side.py reads, or refuses one by one."""


def method(config: Mapping[str, Any]) -> str | None:
    """How a model is quantised, by its config.json; None where it is not, or is read anyway."""
    found = config.get("quantization_config")
    if not isinstance(found, Mapping):
        return None
    if any(found.get(key) is True for key in ("load_in_4bit", "load_in_8bit")):
        return "bitsandbytes"
    name = str(found.get("quant_method") or "an unnamed method")
    return None if name in READ else name


def refuse_config(what: object, config: Mapping[str, Any]) -> None:
    """ModelError: the model of this config is quantised."""
    if name := method(config):
        raise _error(what, name)


def refuse_layers(layers: "Mapping[str, nn.Linear]") -> None:
    """ModelError: a layer that an adapter is to go on holds no floating-point weight."""
    for path, layer in layers.items():
        if not layer.weight.is_floating_point():
            kind = type(layer).__name__
            raise _error(f"The layer {path}", f"{kind}, {str(layer.weight.dtype).removeprefix('torch.')}")


def _error(what: object, name: str) -> ModelError:
    return ModelError(
        f"{what} is quantised ({name}), and adapters are put on and read against floating-point weights: dequantise it first "
        "(with its library, such as bitsandbytes, on a GPU: model.dequantize(), then save_pretrained), and give that folder."
    )
