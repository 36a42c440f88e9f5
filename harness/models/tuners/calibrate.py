"""Tuners that look at data before they are built: CorDA and EVA at activations, LoRA-GA at a gradient.

    calibration   CorDA     C = sum over sequences of X^T X; A, B of the SVD of W C, base <- W - c B A
    gradient      LoRA-GA   A, B of the singular vectors of dL/dW, one backward pass over all sequences, base <- W - c B A
    activations   EVA       A the right singular vectors of the layer's inputs; ranks go where the variance is

Trap: CorDA squeezes the batch away, so that sequences go through one at a time.
Trap: EVA may give a layer rank 0 and take its adapter away: it trains nothing there.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from harness.errors import ModelError
from harness.models.tuners.arguments import wrapped
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation
    from harness.models.tuners.build import Calibration

IGNORED = -100


def build(model: nn.Module, how: "Adaptation", given: "Calibration", config: Callable[[], Any]) -> nn.Module:
    """Run what the tuner needs and put it on the model in place.

    Args:
        model: in eval mode.
        how: the adaptation; its row says what it needs.
        given: the sequences.
        config: makes peft's config.

    Returns:
        peft's wrapper.

    Raises:
        ModelError: no sequence was given in which anything is learned.
    """
    if not (given.targets != IGNORED).any():
        raise ModelError(f"{how.tuner} was given no sequence with anything learned to calibrate it on.")
    device = next(model.parameters()).device
    learned = (given.targets != IGNORED).any(1)
    ids, targets = given.ids[learned].to(device), given.targets[learned].to(device)
    return {"calibration": _corda, "gradient": _lora_ga, "activations": _eva}[how.row.needs](model, config(), ids, targets)


def lengths(targets: Tensor) -> Tensor:
    """(N,) how many tokens of every sequence lead to something learned: padding after them is not looked at."""
    places = torch.arange(1, targets.shape[1] + 1, device=targets.device)
    return (places * (targets != IGNORED)).amax(1)


def _corda(model: nn.Module, config: Any, ids: Tensor, targets: Tensor) -> nn.Module:
    from peft.tuners.lora.corda import preprocess_corda

    def run() -> None:
        for sequence, size in zip(ids, lengths(targets), strict=True):
            model(sequence[None, :size])

    preprocess_corda(model, config, run_model=run)
    return wrapped(model, config)


def _lora_ga(model: nn.Module, config: Any, ids: Tensor, targets: Tensor) -> nn.Module:
    from peft.tuners.lora.loraga import preprocess_loraga

    def step() -> None:
        logits = model(ids).logits[:, : targets.shape[1]]
        nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED).backward()

    with warnings.catch_warnings():  # its hooks only count passes
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        preprocess_loraga(model, config, step)
    return wrapped(model, config)


def _eva(model: nn.Module, config: Any, ids: Tensor, targets: Tensor) -> nn.Module:
    from peft import initialize_lora_eva_weights

    wrapper = wrapped(model, config)
    places = torch.arange(ids.shape[1], device=ids.device)
    batches = [{"input_ids": ids, "attention_mask": (places < lengths(targets)[:, None]).long()}]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*converge.*")
        initialize_lora_eva_weights(wrapper, dataloader=batches, show_progress_bar=False)
    return wrapper
