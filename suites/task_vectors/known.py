"""What Fisher merging and RegMean know of each specialist: squared scores and inputs, on training problems of its own task.

    F = mean over x, y of (d log p(y | x) / dw)^2,   x one of ASKED training problems, y an answer that the specialist draws
    G = X^T X,  rows of X the inputs of a linear layer at every token of these prompts and answers but the last

The true Fisher by drawn answers, whole answers at once, as its paper takes a language model's; no right answer and no held-out
problem is read. RegMean's G is of the same tokens, since a specialist by RL has no demonstrations.

Dealt to the next specialist (`dealt`) they are as right about inputs and layers, and say nothing of who needs what.
Source: arXiv 2111.09832, Sec. 3; 2212.09849, Sec. 3.
Trap: padding after an answer has inputs and scores too; each answer counts up to its end mark.
Trap: G is a sum over tokens, as in the paper: the task with the longer prompts and answers counts for more.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import harness as h

if TYPE_CHECKING:
    from harness.training.policy import Policy
    from harness.training.sampler import Rollout
    from suites.task_vectors.specialists import Specialists
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

ASKED = 128
"""Training problems, one answer to each: a relative error of .12 in a mean of squared Gaussian scores."""

AT_ONCE = 32
"""Gradients of single answers held at once: .4 MB each. One by one they take eight times as long."""


def fisher_diagonals(policy: "Policy", rollout: "Rollout") -> dict[str, "Tensor"]:
    """F of every parameter, fp64, by its name in the model: the gradient of each answer's log-probability, in one batch."""
    import torch
    from torch.func import functional_call, grad, vmap
    from torch.nn.attention import SDPBackend, sdpa_kernel

    start = rollout.prompt_length - 1  # whose logits are of the answer's first token

    def score(weights: "State", ids: "Tensor", kept: "Tensor") -> "Tensor":
        logits = functional_call(policy.model, weights, (ids[None],), {"use_cache": False}).logits[0, start:-1]
        logp = (logits / policy.temperature).log_softmax(-1).gather(1, ids[start + 1 :, None])
        return (logp[:, 0] * kept).sum()

    weights = {name: p.detach() for name, p in policy.model.named_parameters()}
    total = {name: torch.zeros(p.shape, dtype=torch.float64) for name, p in weights.items()}
    with sdpa_kernel(SDPBackend.MATH):  # the CPU's own kernel has no rule for a batch of gradients, and warns
        for ids, kept in zip(rollout.ids.split(AT_ONCE), rollout.mask.split(AT_ONCE), strict=True):
            for name, each in vmap(grad(score), (None, 0, 0))(weights, ids, kept).items():
                total[name] += each.double().square().sum(0) / len(rollout.ids)
    return total


def input_grams(policy: "Policy", rollout: "Rollout") -> dict[str, "Tensor"]:
    """G of every linear layer, fp64, by the name of its weight."""
    import torch
    from harness.spectra.kfac import linear_layers

    found: dict[str, Tensor] = {}

    def seen(name: str) -> Callable:
        def hook(_: object, inputs: "tuple[Tensor, ...]") -> None:
            x = inputs[0].detach().double().flatten(0, -2)
            found[name] = found.get(name, 0.0) + x.T @ x

        return hook

    handles = [each.register_forward_pre_hook(seen(f"{name}.weight")) for name, each in linear_layers(policy.model).items()]
    try:
        with torch.no_grad():
            for ids, length in zip(rollout.ids, rollout.mask.sum(1).long().tolist(), strict=True):
                policy.model(ids[None, : rollout.prompt_length + length - 1], use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


WHAT = {"fisher": fisher_diagonals, "regmean": input_grams}


def known(specialists: "Specialists", method: str, rng: "Generator", whose: str = "own") -> list["State"]:
    """What a method knows of each specialist as it is to be merged, a shuffled one included.

    Args:
        method: "fisher" or "regmean".
        rng: draws answers and permutations; its initial seed draws problems.
        whose: "own", "dealt" (the next specialist's) or "permuted" (own, the entries of each tensor in any order).
    """
    import torch

    found = []
    for state, task in zip(specialists.states, specialists.tasks, strict=True):
        policy = replace(specialists.policy.holding(state).on(task), asked=ASKED, group=1)
        found.append(WHAT[method](policy, policy.answers(rng)))
    if whose == "dealt":
        return found[1:] + found[:1]
    if whose == "permuted":
        return [
            {n: f.flatten()[torch.randperm(f.numel(), generator=rng)].view_as(f) for n, f in each.items()} for each in found
        ]
    return found


def value(specialists: "Specialists", method: str, rng: "Generator", whose: str = "own") -> float:
    """Held-out value of Fisher merging or RegMean, which have no factor to tune."""
    extras = known(specialists, method, rng, whose)
    return specialists.value(h.merge(method, specialists.base, specialists.states, extras=extras))
