"""How far a policy went from its base in function space, and the quadratic form that predicts it.

    KL(pi | base) at a position = sum_y pi(y) (log pi(y) - log base(y)), over the whole vocabulary
    D^T F D = mean over positions of Var_{y ~ base}(dlogit_y . D),     F the Fisher matrix of one token of the base
    KL(base + D | base) = D^T F D / 2 + O(|D|^3),  per token

Source: arXiv 2511.08567, Prop. 3.1 and 3.2 (Gate I); Amari 1998 for the second-order identity.
Trap: k3 estimates from samples are noisy, on few tokens by more than the divergence itself; the sum over the vocabulary is
exact at the positions given. Those must be sampled from pi (a rollout) for a completion's sum to be the KL of sequences.
Trap: both softmaxes in fp64: at KL 1e-8 the fp32 sum is rounding.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.errors import MeasureError


class Divergence(NamedTuple):
    """KL(pi | base), never negative.

    Attributes:
        per_token: mean over the positions read.
        per_sequence: mean over sequences of the sum over their positions; the KL of completions if pi sampled them.
        tokens: mean number of positions a sequence.
    """

    per_token: float
    per_sequence: float
    tokens: float


@torch.no_grad()
def kl_to_base(
    model: nn.Module,
    base: nn.Module,
    ids: Tensor,
    prompt_length: int = 1,
    mask: Tensor | None = None,
    temperature: float = 1.0,
) -> Divergence:
    """KL(model | base) at every position that predicts a token after the prompt.

    Args:
        model, base: causal language models of one vocabulary, logits at `.logits`.
        ids: (B, L) without padding before or inside the part that is read.
        prompt_length: P >= 1; positions before count for nothing.
        mask: (B, L - P), 1 for the tokens that count; None counts all. A rollout's ids, prompt_length and mask fit.
        temperature: divides both models' logits.

    Raises:
        MeasureError: no token is left to read.
    """
    weight = _weight(ids, prompt_length, mask)
    logp, ref = (_logits(m, {}, ids, prompt_length, temperature).log_softmax(-1) for m in (model, base))
    divergence = (logp.exp() * (logp - ref)).sum(-1).clamp(min=0.0) * weight
    tokens = weight.sum()
    return Divergence((divergence.sum() / tokens).item(), divergence.sum(1).mean().item(), (tokens / len(ids)).item())


def fisher_quadratic(
    model: nn.Module,
    direction: Mapping[str, Tensor],
    ids: Tensor,
    prompt_length: int = 1,
    mask: Tensor | None = None,
    temperature: float = 1.0,
) -> float:
    """D^T F D per token at the model, from one forward and two backward passes.

    Args:
        model: the base.
        direction: name as in `model.named_parameters()` -> D, the parameter's shape; names left out are 0.
        ids, prompt_length, mask, temperature: as in `kl_to_base`.

    Raises:
        MeasureError: a name or a shape is not a parameter's, or no token is left to read.
    """
    own = dict(model.named_parameters())
    for name, d in direction.items():
        if name not in own or own[name].shape != d.shape:
            raise MeasureError(f"the direction's {name} is no parameter of shape {tuple(d.shape)} of this model.")
    weight = _weight(ids, prompt_length, mask)
    point = {name: own[name].detach().requires_grad_() for name in direction}
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused attention kernels have no second derivative
        value = _logits(model, point, ids, prompt_length, temperature)
        moved = _along(value, point, direction)
    value = value.detach()
    p = value.softmax(-1)
    centred = moved - (p * moved).sum(-1, keepdim=True)
    return ((p * centred.square()).sum(-1) * weight).sum().item() / weight.sum().item()


def _along(value: Tensor, point: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> Tensor:
    """Directional derivative J D: J^T u is linear in u, so its derivative along D, as a function of u, is J D."""
    u = torch.zeros_like(value, requires_grad=True)
    pulled = torch.autograd.grad(value, list(point.values()), u, create_graph=True, materialize_grads=True)
    product = sum((g * d.to(g)).sum() for g, d in zip(pulled, direction.values(), strict=True))
    return torch.autograd.grad(product, u)[0]


def _logits(model: nn.Module, parameters: dict[str, Tensor], ids: Tensor, prompt_length: int, temperature: float) -> Tensor:
    """(B, T, vocabulary) fp64, with `parameters` in the place of the model's own of those names."""
    out = torch.func.functional_call(model, parameters, (ids,), {"use_cache": False})
    return out.logits[:, prompt_length - 1 : -1].double() / temperature


def _weight(ids: Tensor, prompt_length: int, mask: Tensor | None) -> Tensor:
    count = ids.shape[1] - prompt_length
    if prompt_length < 1 or count < 1:
        raise MeasureError(
            f"{ids.shape[1]} tokens with a prompt of {prompt_length} leave nothing to read: a prompt has at least one token."
        )
    weight = torch.ones(len(ids), count, dtype=torch.float64, device=ids.device) if mask is None else mask.double()
    if weight.shape != (len(ids), count) or weight.sum() == 0:
        raise MeasureError(
            f"a mask of shape {tuple(weight.shape)} for {len(ids)} completions of {count} tokens counts none of them."
        )
    return weight
