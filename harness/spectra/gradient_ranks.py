"""How many directions a gradient uses, by five counts, each beside what noise of its shape reads.

    stable          |G|_F^2 / |G|_2^2
    participation   (sum s^2)^2 / sum s^4                      spreads least on noise: the default for z
    entropy_sigma   exp H(q),  q = s / sum s                   Roy & Vetterli 2007
    entropy_energy  exp H(p),  p = s^2 / sum s^2               what many codes call "effective rank"
    nuclear         |G|_*^2 / |G|_F^2

Source: GaLore 2403.03507 reads the stable rank; sheet of the low-rank literature, sections 1 and 4.
Trap: "the gradient is low-rank" is true and says little of learning. In a tiny language model the stable rank is 1.2 - 3.3
where noise reads 17 - 26, and targets shuffled within the batch give 1.1 - 1.9: activations and backward signals are
anisotropic. Report shuffled targets beside it.
Trap: a gradient of few tokens has at most that many directions (8 tokens: 7.8 of 64). Count tokens, at least 8 min(m, n).
Trap: "becomes low-rank" has the sign wrong there: 1.25 at the start, 3.29 after 300 steps of AdamW.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra import marchenko_pastur as noise
from harness.spectra.effective_rank import entropy_rank_of, stable_rank_of
from harness.spectra.named_matrices import each, per_matrix
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import singular_values


class Ranks(NamedTuple):
    """Five counts of each matrix, every one in [1, min(m, n)]; see the module."""

    stable: PerMatrix
    participation: PerMatrix
    entropy_sigma: PerMatrix
    entropy_energy: PerMatrix
    nuclear: PerMatrix


def participation_of(values: Tensor) -> float:
    """(sum s^2)^2 / sum s^4, from singular values (q,), not all zero."""
    p = values.square() / values.square().sum()
    return 1 / p.square().sum().item()


def nuclear_rank_of(values: Tensor) -> float:
    """(sum s)^2 / sum s^2, from singular values (q,), not all zero."""
    return (values.sum().square() / values.square().sum()).item()


COUNTS: dict[str, Callable[[Tensor], float]] = {
    "stable": stable_rank_of,
    "participation": participation_of,
    "entropy_sigma": entropy_rank_of,
    "entropy_energy": lambda values: entropy_rank_of(values.square()),
    "nuclear": nuclear_rank_of,
}
OF_NOISE: dict[str, Callable[[int, int], float]] = {
    "stable": noise.noise_stable_rank,
    "participation": noise.noise_participation,
    "entropy_sigma": noise.noise_entropy_rank,
    "entropy_energy": lambda m, n: noise.noise_entropy_rank(m, n, "energy"),
    "nuclear": noise.noise_nuclear_rank,
}


def gradient_ranks(gradients: Mapping[str, Tensor]) -> Ranks:
    """All five of each matrix, from one decomposition.

    Args:
        gradients: name -> (m, n), any floating dtype.

    Raises:
        MeasureError: a gradient is None, zero, not finite or not 2-D.
    """
    found = {name: _counts(singular_values(g)) for name, g in each(gradients, "its rank")}
    return Ranks(*(per_matrix(gradients, {name: row[kind] for name, row in found.items()}) for kind in COUNTS))


def noise_ranks(gradients: Mapping[str, Tensor]) -> Ranks:
    """What noise of the same shapes reads, in the limit of large matrices; only shapes are looked at."""
    shapes = {name: tuple(g.shape) for name, g in gradients.items()}
    return Ranks(*(per_matrix(gradients, {name: of(*shape) for name, shape in shapes.items()}) for of in OF_NOISE.values()))


def rank_z(
    gradients: Mapping[str, Tensor], generator: torch.Generator, kind: str = "participation", draws: int = 20
) -> PerMatrix:
    """(count - mean of noise) / standard deviation of noise, per matrix; negative where the gradient uses fewer directions.

    Matrices of one shape share their draws, so their z's are no independent numbers. A count does not depend on the norm, so
    the noise is matched on that by itself. With 20 draws z is t-distributed, 2.1 wide at 5 %.

    Args:
        gradients: name -> (m, n).
        generator: CPU generator; shapes are drawn in sorted order.
        kind: a field of Ranks.
        draws: 2 or more.

    Raises:
        MeasureError: an unknown kind, fewer than two draws, a matrix with one row or column, or as `gradient_ranks`.
    """
    if kind not in COUNTS:
        raise MeasureError(f"unknown rank {kind!r}: use one of {', '.join(COUNTS)}.")
    if draws < 2:
        raise MeasureError(f"a standard deviation needs two draws or more, not {draws}.")
    own = getattr(gradient_ranks(gradients), kind)
    thin = next((name for name, g in gradients.items() if min(g.shape) == 1), None)
    if thin is not None:
        raise MeasureError(f"{thin} has one row or column and so rank 1 whatever it holds: it has no z; leave it out.")
    drawn = {}
    for shape in sorted({tuple(g.shape) for g in gradients.values()}):
        values = [COUNTS[kind](singular_values(torch.randn(shape, generator=generator))) for _ in range(draws)]
        drawn[shape] = torch.tensor(values, dtype=torch.float64)
    z = {
        name: (value - drawn[tuple(gradients[name].shape)].mean()) / drawn[tuple(gradients[name].shape)].std()
        for name, value in own.items()
    }
    return per_matrix(gradients, z)


def _counts(values: Tensor) -> dict[str, float]:
    return {kind: count(values) for kind, count in COUNTS.items()}
