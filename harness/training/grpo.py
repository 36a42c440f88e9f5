"""The policy losses: GRPO, Dr. GRPO and DAPO, as functions of log-probabilities.

With rho = exp(log pi - log pi_old), advantage A and the clipped surrogate

    l = -min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A) + kl k3,     k3 = e^r - r - 1,  r = log pi_ref - log pi

they differ only in how l is averaged over the tokens of B completions:

    grpo      mean over completions of the mean over its tokens         A = (R - mean) / (std + 1e-4)
    dr_grpo   sum / (B x longest allowed completion)                    A = R - mean
    dapo      sum / number of tokens                                    A = (R - mean) / (std + 1e-4)

Source: Shao et al. 2402.03300, Liu et al. 2503.20783, Yu et al. 2503.14476; equal to trl 1.16 in the gradient (tested).
Trap: where every completion of a group earns the same, A = 0 and the group teaches nothing.
"""

import torch
from torch import Tensor

from harness.errors import SpecError


def group_advantages(rewards: Tensor, group: int, *, normalise: bool) -> Tensor:
    """Advantage of each completion over the others that answered the same problem.

    Args:
        rewards: (B,), completions of one problem next to each other.
        group: completions per problem; divides B and is at least 2.
        normalise: divide by the group's standard deviation + 1e-4 (grpo, dapo), or not (dr_grpo).

    Returns:
        (B,), zero mean in each group.
    """
    by_problem = rewards.view(-1, group)
    centred = by_problem - by_problem.mean(1, keepdim=True)
    if normalise:
        centred = centred / (by_problem.std(1, keepdim=True) + 1e-4)
    return centred.view(-1)


def k3(logp: Tensor, ref: Tensor) -> Tensor:
    """Per-token estimate of KL(pi | pi_ref) from samples of pi: never negative, unbiased. Shapes (B, T).

    Source: Schulman 2020, "Approximating KL divergence".
    """
    log_ratio = ref - logp
    return log_ratio.exp() - log_ratio - 1


def policy_loss(
    logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    kind: str,
    clip_low: float,
    clip_high: float,
    old: Tensor | None = None,
    ref: Tensor | None = None,
    kl: float = 0.0,
) -> Tensor:
    """The loss to minimise, a scalar.

    Args:
        logp: (B, T) log-probabilities of the sampled tokens, T the longest allowed completion.
        advantages: (B,).
        mask: (B, T), 1 for tokens up to and including the end mark.
        kind: "grpo", "dr_grpo" or "dapo".
        old: (B, T) under the policy that sampled; None where that is the present one (rho = 1, gradient kept).
        ref: (B, T) under the base; needed where kl > 0.

    Raises:
        SpecError: kind is unknown.
    """
    rho = (logp - (logp.detach() if old is None else old)).exp()
    gain = advantages[:, None]
    loss = -torch.minimum(rho * gain, rho.clamp(1 - clip_low, 1 + clip_high) * gain)
    if kl and ref is not None:
        loss = loss + kl * k3(logp, ref)
    if kind == "grpo":
        return ((loss * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
    if kind == "dr_grpo":
        return (loss * mask).sum() / mask.numel()
    if kind == "dapo":
        return (loss * mask).sum() / mask.sum().clamp(min=1)
    raise SpecError(f"The policy loss {kind!r} is unknown; use grpo, dr_grpo or dapo.")
