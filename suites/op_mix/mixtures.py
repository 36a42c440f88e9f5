"""What adapters of single domains say about mixtures that were really trained.

    L_i(w)   loss on domain i of the run trained on the mixture w: mean over held-out problems of -log P(right answer)
    P_i(w)   the same of the base with the domains' adapters interpolated, by `means`:
               update    W0 + sum_i w_i D_i,  D_i = (alpha / r) B_i A_i
               factors   W0 + (alpha / r) (sum_i w_i B_i) (sum_i w_i A_i)
               share     -w_i: no adapter at all, a domain is the better learned the more of it there is
    rho_i    rank correlation of P_i with L_i over the 15 mixtures
    regret   (mean loss of the mixture whose predicted mean loss is least - least mean loss) / (largest - least)

Labels are shuffled mixture by mixture: each is predicted from its shares in a drawn order, which is another point of the
same simplex.
Source: OP-Mix 2605.15220, sheet peft_merge 2.3.
Trap: what is fitted there is a regression on predicted losses, with a KL term; here the predictions are taken as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.engine.policies import Policies
    from harness.spectra import Change
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

DOMAINS = ("addition", "sorting", "reversal")
QUARTERS = 4
MIXTURES = tuple(w for w in product(range(QUARTERS, -1, -1), repeat=len(DOMAINS)) if sum(w) == QUARTERS)
"""Quarters of each domain, as in harness/training/adapter_arms_opmix.py."""

SCALING = 2.0
"""alpha / r of the adapters."""

A, B = ".lora_A.default.weight", ".lora_B.default.weight"

_REMEMBERED: dict[tuple, list[list[float]]] = {}


class Mixtures:
    """One replicate: losses (15, 3) of trained mixtures, and what predicts them.

    Args:
        models: makes policies of arms.
        domains: adapters of single domains, in the order of DOMAINS.
        mixed: trained mixtures, in the order of MIXTURES.
    """

    def __init__(self, models: "Policies", domains: Sequence["Change"], mixed: Sequence["Change"]) -> None:
        self.models, self.domains, self.mixed = models, domains, mixed

    @classmethod
    def of(cls, given: Mapping[str, object]) -> "Mixtures":
        """Of a body's arguments, by their names as arms."""
        domains = [next(arm for name, arm in given.items() if name.startswith(f"domain_{domain}")) for domain in DOMAINS]
        return cls(given["models"], domains, [given["mixed_" + "".join(map(str, mixture))] for mixture in MIXTURES])

    def trained(self) -> list[list[float]]:
        """L: losses of every mixture, a row each."""
        key = tuple(each.run_keys[0] for each in self.mixed)
        return _once(key, lambda: [self._losses(self.models.weights(each)) for each in self.mixed])

    def predicted(self, means: str = "update") -> list[list[float]]:
        """P, likewise."""
        if means == "share":
            return [[-w for w in mixture] for mixture in MIXTURES]
        key = (means, *(each.run_keys[0] for each in self.domains))
        return _once(key, lambda: [self._losses(state) for state in self._states(means)])

    def correlations(self, predicted: Sequence[Sequence[float]]) -> dict[str, float]:
        """rho of each domain."""
        return {name: rank_correlation(column(predicted, i), column(self.trained(), i)) for i, name in enumerate(DOMAINS)}

    def regret(self, predicted: Sequence[Sequence[float]]) -> float:
        """Of the mixture that a prediction takes for the best on the mean of the domains."""
        return regret(totals(predicted), totals(self.trained()))

    def regret_of_a_draw(self) -> float:
        """What a mixture costs that is drawn, on the mean over all of them."""
        return fsum(regret(predicted, totals(self.trained())) for predicted in one_hot(len(MIXTURES))) / len(MIXTURES)

    def ahead_of(self, against: str, rng: "Generator") -> float:
        """Mean correlation of the interpolated updates less that of another prediction, or of their own shuffle."""
        mine = self.predicted("update")
        other = shuffled(mine, rng) if against == "shuffled" else self.predicted(against)
        mine, other = (fsum(self.correlations(each).values()) / len(DOMAINS) for each in (mine, other))
        return mine - other

    def _states(self, means: str) -> "list[State]":
        base = self.models.weights(self.domains[0], "first")
        if means == "update":
            tuned = [self.models.weights(each) for each in self.domains]
            return [interpolated(base, tuned, shares(mixture)) for mixture in MIXTURES]
        adapters = [self.models.adapter(each) for each in self.domains]
        return [by_factors(base, adapters, shares(mixture)) for mixture in MIXTURES]

    def _losses(self, state: "State") -> list[float]:
        policy = self.models.base(self.domains[0]).holding(state)
        return [-on.success(on.held_out()).log().mean().item() for on in map(policy.on, DOMAINS)]


def shares(mixture: Sequence[int]) -> list[float]:
    """Weights that sum to 1."""
    return [each / QUARTERS for each in mixture]


def interpolated(base: "State", tuned: "Sequence[State]", weights: Sequence[float]) -> "dict[str, Tensor]":
    """W0 + sum_i w_i (W_i - W0), every parameter."""
    return {name: w0 + sum(w * (each[name] - w0) for w, each in zip(weights, tuned, strict=True)) for name, w0 in base.items()}


def by_factors(base: "State", adapters: "Sequence[State]", weights: Sequence[float]) -> "dict[str, Tensor]":
    """W0 + (alpha / r) (sum w_i B_i) (sum w_i A_i) where there are factors, W0 elsewhere."""
    found = dict(base)
    for key in adapters[0]:
        if not key.endswith(A):
            continue
        layer = key.removesuffix(A)
        name = next(each for each in base if layer.endswith(each.removesuffix(".weight")) and each.endswith(".weight"))
        a, b = (sum(w * each[layer + part] for w, each in zip(weights, adapters, strict=True)) for part in (A, B))
        found[name] = base[name] + SCALING * (b @ a)
    return found


def shuffled(predicted: Sequence[Sequence[float]], rng: "Generator") -> list[list[float]]:
    """Predictions of each mixture from its shares in a drawn order."""
    import torch

    at = {mixture: row for mixture, row in zip(MIXTURES, predicted, strict=True)}
    return [list(at[tuple(mixture[i] for i in torch.randperm(len(DOMAINS), generator=rng))]) for mixture in MIXTURES]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, ties at their mean rank."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def regret(predicted: Sequence[float], true: Sequence[float]) -> float:
    """Over the range; of ties the first."""
    best = predicted.index(min(predicted))
    return (true[best] - min(true)) / (max(true) - min(true))


def totals(rows: Sequence[Sequence[float]]) -> list[float]:
    """Sums over domains, a mixture each."""
    return [fsum(row) for row in rows]


def one_hot(count: int) -> list[list[float]]:
    """Predictions that take one mixture each for the best."""
    return [[-float(i == j) for j in range(count)] for i in range(count)]


def column(rows: Sequence[Sequence[float]], i: int) -> list[float]:
    """One domain's."""
    return [row[i] for row in rows]


def _once(address: tuple, find: Callable[[], list[list[float]]]) -> list[list[float]]:
    if address not in _REMEMBERED:
        _REMEMBERED[address] = find()
    return _REMEMBERED[address]
