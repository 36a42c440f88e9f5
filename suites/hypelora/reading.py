"""A model that writes answers, read as a classifier: the probability of each answer that its task has.

    p(k | prompt) = prod_j pi(c_kj | prompt, c_k1 .. c_k(j-1)) / the sum over classes,   c_k: the answer and its end mark

over the characters j at which more than one answer is left: once an answer is told from all others it is read as written.
So 100 sums of one or two digits take a model's step on 11 prompts, and one-letter answers a step on one.

Trap: probability on what is no answer (a sum written backwards, "04") is divided away, as a classifier's head would.
No torch is imported before a function is called.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.tasks.base import Problem
    from harness.training.policy import Policy
    from torch import Tensor

ROWS = 1024
"""Prompts in one forward."""


def log_probabilities(policy: "Policy", problems: "Sequence[Problem]") -> "Tensor":
    """(n, K) fp64: log p of every answer of the policy's task, in the order of `harness.training.labels.answers`."""
    import torch
    from harness.training import data
    from harness.training.labels import answers

    codes = [tuple(policy.tokenizer.encode(each + policy.task.end, add_special_tokens=False)) for each in answers(policy.task)]
    prompts = data.encode_prompts(policy.tokenizer, policy.task, list(problems))
    found = torch.zeros(len(problems), len(codes), dtype=torch.float64)
    for prefix, open_ in undecided(codes).items():
        rows = torch.cat([prompts, torch.tensor(prefix, dtype=torch.long).expand(len(prompts), len(prefix))], 1)
        step = _next(policy, rows)
        tokens = [codes[k][len(prefix)] for k in open_]
        found[:, open_] += step[:, tokens]
    return found.log_softmax(1)


def undecided(codes: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    """Beginnings that more than one code has, shortest first, and which codes these are."""
    found: dict[tuple[int, ...], list[int]] = {}
    for k, code in enumerate(codes):
        for length in range(len(code)):
            found.setdefault(code[:length], []).append(k)
    return {prefix: found[prefix] for prefix in sorted(found, key=len) if len(found[prefix]) > 1}


def classes(policy: "Policy", problems: "Sequence[Problem]") -> "Tensor":
    """(n,) the class of each problem's answer."""
    import torch
    from harness.training.labels import answers

    at = {answer: k for k, answer in enumerate(answers(policy.task))}
    return torch.tensor([at[each.answer] for each in problems])


def at_temperature(log_p: "Tensor", temperature: float) -> "Tensor":
    """(n, K) probabilities of a classifier whose logits are divided by a temperature."""
    return (log_p / temperature).softmax(1)


def best_temperature(log_p: "Tensor", labels: "Tensor") -> float:
    """The temperature of the least cross-entropy, of a grid of 5 % steps from a tenth to ten (Guo 1706.04599)."""
    import torch

    grid = torch.logspace(-1.0, 1.0, 95, dtype=torch.float64)
    losses = [-(log_p / t).log_softmax(1)[torch.arange(len(labels)), labels].mean().item() for t in grid]
    return grid[losses.index(min(losses))].item()


def _next(policy: "Policy", rows: "Tensor") -> "Tensor":
    """(n, vocabulary) fp64: log probabilities of the next token."""
    import torch

    asked = dict(use_cache=False, logits_to_keep=1)
    with torch.no_grad():
        parts = [policy.model(part.to(policy.device), **asked).logits[:, -1] for part in rows.split(ROWS)]
    return torch.cat(parts).double().log_softmax(1).cpu()
