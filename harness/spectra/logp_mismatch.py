"""Disagreement between the log-probabilities that a trainer and a sampler give the same tokens, in one number format.

    trainer    one pass over the whole sequence, unfused attention; weights and activations in `dtype`
    sampler    token by token with a key-value cache, the device's fused attention; the same `dtype`
    mismatch   mean over tokens of |log pi_trainer - log pi_sampler|;      rounding   mean of |log pi_dtype - log pi_fp32|

In exact arithmetic both are 0; what is left is rounding in another order, as between a training and an inference engine.
Source: arXiv 2510.26788 (bf16's 7 mantissa bits against fp16's 10: a step 8 times coarser).
Trap: an emulation by cast. Matrix products accumulate in fp32 and round once in every format, and the softmax over the vocabulary
is fp32, as in trainers. Engines with kernels of their own differ by more; the ratio of formats is what carries over.
Trap: on a small model two paths may run the same kernels and agree bit for bit: with fused attention on both sides the tiny model
in bf16 reads 0, where rounding is .008 nats. Hence the unfused attention of the trainer.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.errors import MeasureError
from harness.spectra.precision import storage_dtype


class Mismatch(NamedTuple):
    """Disagreement of log-probabilities, in nats.

    Attributes:
        mean: mean |difference| of trainer and sampler over the tokens read.
        largest: largest of them.
        rounding: mean |difference| of the trainer in this format and the trainer in fp32.
        tokens: how many were read.
    """

    mean: float
    largest: float
    rounding: float
    tokens: int


def logp_mismatch(
    model: nn.Module,
    ids: Tensor,
    prompt_length: int,
    mask: Tensor | None = None,
    dtype: str | torch.dtype = "bf16",
    temperature: float = 1.0,
) -> Mismatch:
    """Mismatch on given completions. The model is copied, not changed.

    Args:
        model: a causal language model of transformers, fp32.
        ids: (B, P + T) prompts of equal length and completions, as in a rollout.
        prompt_length: P >= 1.
        mask: (B, T), 1 for the tokens that count; None counts all.
        dtype: format of weights and activations in both paths.
        temperature: divides the logits.

    Raises:
        MeasureError: no token is left to read, the device has no kernels for the format, or a log-probability is not finite.
    """
    count = ids.shape[1] - prompt_length
    kept = torch.ones(len(ids), max(count, 0), device=ids.device) if mask is None else mask
    if prompt_length < 1 or count < 1 or not kept.any():
        raise MeasureError(f"{ids.shape[1]} tokens with a prompt of {prompt_length} leave nothing to read.")
    target = storage_dtype(dtype)
    cast = copy.deepcopy(model).to(target)
    try:
        trainer = whole_sequence_logps(cast, ids, prompt_length, temperature)
        sampler = cached_logps(cast, ids, prompt_length, temperature)
    except RuntimeError as error:
        if "not implemented for" not in str(error):
            raise
        raise MeasureError(f"{ids.device.type} cannot compute this model in {dtype}: choose another format or device.") from error
    exact = whole_sequence_logps(model, ids, prompt_length, temperature)
    chosen = kept.bool()
    between, rounded = ((trainer - other)[chosen].abs() for other in (sampler, exact))
    if not bool(between.isfinite().all() and rounded.isfinite().all()):
        raise MeasureError(f"a log-probability in {dtype} is not finite: the model overflows this format.")
    return Mismatch(between.mean().item(), between.max().item(), rounded.mean().item(), int(chosen.sum()))


@torch.no_grad()
def whole_sequence_logps(model: nn.Module, ids: Tensor, prompt_length: int, temperature: float = 1.0) -> Tensor:
    """(B, T) log-probability of each completion token, fp64, from one pass over the whole sequence."""
    with sdpa_kernel(SDPBackend.MATH):
        logits = model(ids, use_cache=False).logits[:, prompt_length - 1 : -1]
    return _chosen(logits, ids[:, prompt_length:], temperature)


@torch.no_grad()
def cached_logps(model: nn.Module, ids: Tensor, prompt_length: int, temperature: float = 1.0) -> Tensor:
    """(B, T) log-probability of each completion token, fp64, decoded one by one behind a key-value cache."""
    read, cache, columns = ids[:, :prompt_length], None, []
    for t in range(prompt_length, ids.shape[1]):
        out = model(read, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, read = out.past_key_values, ids[:, t : t + 1]
        columns.append(_chosen(out.logits[:, -1:], read, temperature))
    return torch.cat(columns, 1)


def _chosen(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    # fp32 in every format, as trainers and samplers do; fp64 only for the difference
    return (logits.float() / temperature).log_softmax(-1).gather(2, tokens[:, :, None]).squeeze(2).double()
