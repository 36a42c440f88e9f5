"""Do the second moments of two experts overlap: are the entries of a matrix that matter to one those that matter to the other?

    overlap = J(A, B) / (q / (2 - q)),   A, B the largest share q of a matrix' v,   J = |A and B| / |A or B|

1 for masks that are independent of each other, (2 - q) / q for equal ones: 9 at q = .2. Mean over the pairs of experts.
What of v is compared can be taken apart: `whole`; `entries`, v over (row sums)(column sums) / total, what levels of rows and
columns do not explain; `permuted`, its entries in another order.

Adam's v after T steps at b2 = 1 - 1 / 1000 is nearly an even mean of T squared batch gradients. `untrained` makes that mean on
the base itself, at fixed weights, with the answers of a batch dealt out anew: what the base's weights and the prompts bring by
themselves. `observed` is the plant: v as few squared Gaussian gradients would show it, chi^2 of so many degrees in each entry.

Source: arXiv 2509.11167 (curvature overlap between experts; rank-one v); the sheet's Jaccard over chance (papers, 11).
Trap: masks over a whole model overlap because some matrices have large gradients in all experts; here each has its own.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.training.policy import Policy
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

SHARE = 0.2
"""q: the least density of FFG in the paper."""

BATCHES, BATCH = 150, 16
"""Squared gradients that make up an expert's v, and problems in each: steps and batch of the sft arms."""

EDGE = 1e-30


def overlap(a: "State", b: "State", share: float = SHARE) -> dict[str, float]:
    """Jaccard index of the largest entries over its chance, matrix by matrix.

    Args:
        a, b: scores of the same matrices.
        share: q.
    """
    import torch
    from harness.spectra.masks import largest

    def one(x: "Tensor", y: "Tensor") -> float:
        first, second = largest(x, share), largest(y, share)
        found = torch.logical_and(first, second).sum() / torch.logical_or(first, second).sum()
        return found.item() / (share / (2 - share))

    return {name: one(x, b[name]) for name, x in a.items()}


def mean_overlap(pairs: Sequence[tuple["State", "State"]]) -> dict[str, float]:
    """Mean of the overlap over pairs, matrix by matrix."""
    found = [overlap(a, b) for a, b in pairs]
    return {name: fsum(each[name] for each in found) / len(found) for name in found[0]}


def compared(moments: "State", read: str, rng: "Generator") -> dict[str, "Tensor"]:
    """The judged matrices of second moments, as what is compared: "whole", "entries" or "permuted" (of whole, in any order)."""
    from harness.merging.ota import compressed
    from harness.training.runs import projections
    from suites.ota_merging.grafts import seen

    own = {name: v.double() for name, v in projections(dict(moments)).items()}
    if read == "entries":
        return {name: v / compressed(v).clamp(min=EDGE) for name, v in own.items()}
    return dict(seen(own, "permuted", rng)) if read == "permuted" else own


def observed(moments: "State", degrees: int, rng: "Generator") -> dict[str, "Tensor"]:
    """v as a mean of so many squared Gaussian gradients would show it."""
    import torch

    def draw(v: "Tensor") -> "Tensor":
        return v * torch.randn((degrees, *v.shape), generator=rng).square().mean(0)

    return {name: draw(v) for name, v in moments.items()}


def rank_one_error(moments: "State") -> dict[str, float]:
    """|v - (row sums)(column sums)^T / total|_F / |v|_F, matrix by matrix."""
    from harness.merging.ota import compressed

    return {name: ((v - compressed(v)).norm() / v.norm()).item() for name, v in moments.items()}


def untrained(base: "Policy", task: str, seed: int, shuffled: bool = True) -> dict[str, "Tensor"]:
    """Mean squared batch gradient of imitation on the base, at fixed weights, by parameter name.

    Args:
        base: what the experts were tuned from.
        task: whose training problems.
        seed: of the problems, and of how answers are dealt out.
        shuffled: each prompt of a batch is given another one's answer; else its own.
    """
    from harness.spectra.fisher_diagonal import squared_batch_gradient
    from harness.training.data import encode_demonstrations
    from harness.training.pretrain import cross_entropy

    policy, order = base.on(task), random.Random(seed)
    parameters = dict(policy.model.named_parameters())
    total: dict[str, Tensor] = {}
    for _ in range(BATCHES):
        problems = policy.task.problems(BATCH, order)
        if shuffled:
            problems = [replace(p, answer=q.answer) for p, q in zip(problems, problems[1:] + problems[:1], strict=True)]
        examples = encode_demonstrations(policy.tokenizer, policy.task, problems, answer_only=True)
        squares = squared_batch_gradient(lambda examples=examples: cross_entropy(policy.model, examples), parameters)
        total = {name: total.get(name, 0.0) + square for name, square in squares.items()}
    return {name: sum_ / BATCHES for name, sum_ in total.items()}


def pairs_of(states: Sequence["State"]) -> list[tuple["State", "State"]]:
    """Every two experts once."""
    return list(combinations(states, 2))
