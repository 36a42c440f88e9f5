"""How many directions an update uses, by five counts.

    stable rank    |D|_F^2 / |D|_2^2                  Gaussian noise: about mn / (sqrt m + sqrt n)^2
    participation  (sum s^2)^2 / sum s^4              Gaussian noise: mn / (m + n)
    entropy rank   exp(H(q)),  q = s / sum s          q of Roy & Vetterli 2007, not the shares of s^2
    energy rank    smallest k with sum_(i<=k) s_i^2 >= share of |D|_F^2
    matrix rank    count of s_i > max(m, n) 2^-23 s_1     torch.linalg.matrix_rank of an fp32 matrix

Source: lengths and nulls as in Roy & Vetterli 2007; matrix rank as arXiv 2505.11711 reports it ("nearly full rank").
Trap: the matrix rank of a difference of bf16 checkpoints counts rounding: a true rank of 8 at relative size 1e-3 reads 768 of
768. Read `matrix_rank(change.seen_in("bf16"))` only beside `stable_rank(change)` of the fp32 master.
"""

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import update_values

FP32_EPS = torch.finfo(torch.float32).eps


def stable_rank(change: Changed) -> PerMatrix:
    """Stable rank of each update, in [1, min(m, n)].

    Raises:
        MeasureError: an update is zero.
    """
    return _each(change, stable_rank_of)


def participation_rank(change: Changed) -> PerMatrix:
    """Participation ratio of each update, in [1, min(m, n)]: of the smooth counts the one noise spreads least on.

    Raises:
        MeasureError: an update is zero.
    """
    return _each(change, lambda s: (s.square().sum().square() / (s**4).sum()).item())


def entropy_rank(change: Changed) -> PerMatrix:
    """Entropy effective rank of each update, in [1, min(m, n)].

    Raises:
        MeasureError: an update is zero.
    """

    return _each(change, entropy_rank_of)


def energy_rank(change: Changed, share: float = 0.99) -> PerMatrix:
    """Number of singular directions that hold `share` of the energy of each update, in 1..min(m, n).

    Raises:
        MeasureError: share outside (0, 1), or an update is zero.
    """
    return _each(change, lambda s: energy_rank_of(s, share))


def matrix_rank(change: Changed) -> PerMatrix:
    """Numerical rank of each update at fp32's default tolerance, in 1..min(m, n).

    Raises:
        MeasureError: an update is zero.
    """
    change = change.change()
    tolerance = {name: max(w0.shape) * FP32_EPS for name, w0 in change.base.items()}
    return change.per_matrix({name: int((s > tolerance[name] * s[0]).sum()) for name, s in _values(change).items()})


def _each(change: Changed, rank) -> PerMatrix:
    change = change.change()
    return change.per_matrix({name: rank(s) for name, s in _values(change).items()})


def _values(change: Changed) -> dict[str, Tensor]:
    change.nonzero_norm("its rank")
    return update_values(change)


def stable_rank_of(values: Tensor) -> float:
    """From singular values, (q,) largest first, not all zero."""
    return (values.square().sum() / values[0].square()).item()


def entropy_rank_of(values: Tensor) -> float:
    """From singular values, (q,) largest first, not all zero."""
    q = values / values.sum()
    return torch.special.entr(q).sum().exp().item()


def energy_rank_of(values: Tensor, share: float = 0.99) -> int:
    """From singular values, (q,) largest first, not all zero.

    Raises:
        MeasureError: share outside (0, 1).
    """
    if not 0.0 < share < 1.0:
        raise MeasureError(f"a share of {share} of the energy: it must lie strictly between 0 and 1; all of it is the rank.")
    energy = values.square().cumsum(0)
    return int((energy < share * energy[-1]).sum()) + 1
