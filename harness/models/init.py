"""Random weights from a seed, without touching the global generator.

The model is laid out on the meta device and filled here, so the draws depend on the seed and the architecture only, not on
how a version of transformers initializes, and a 7B model is drawn once instead of twice.
"""

from typing import TYPE_CHECKING

import torch

from harness.errors import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


def materialise(
    config: "PretrainedConfig", *, seed: int, std: float, dtype: torch.dtype, device: str = "cpu"
) -> "PreTrainedModel":
    """A causal language model with weights N(0, std) in matrices, 1 in norms, 0 in biases; in eval mode.

    Args:
        config: a transformers config of a causal language model.
        device: "meta" gives the layout alone, without values or memory.
        seed: of the generator on `device`; the same seed gives other draws on another kind of device.
        std: standard deviation of every entry of every tensor with two or more dimensions.

    Raises:
        ModelError: the architecture keeps buffers that this module does not know how to fill.
    """
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    if device == "meta":
        return model.eval()
    model.to_empty(device=device)
    model.tie_weights()
    generator = torch.Generator(device=device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, std, generator=generator)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    _refill_rotary(model, config, device)
    return model.eval()


def _refill_rotary(model: "PreTrainedModel", config: "PretrainedConfig", device: str) -> None:
    """Rotary frequencies are buffers that no checkpoint stores: made anew, since to_empty left them undefined."""
    for name, module in list(model.named_modules()):
        if not any(True for _ in module.buffers(recurse=False)):
            continue
        if not type(module).__name__.endswith("RotaryEmbedding"):
            raise ModelError(
                f"{type(model).__name__} keeps buffers in {name}, which a random twin cannot fill: use the real model."
            )
        with torch.device(device):
            model.set_submodule(name, type(module)(config))
