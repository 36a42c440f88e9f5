"""What noise of a shape reads: ranks and energies of an m x n Gaussian matrix, from its limiting spectrum.

    density of x = sigma^2 / max(m, n) over the q = min(m, n) values, r = q / max(m, n):
        sqrt((b - x)(x - a)) / (2 pi r x)  on [a, b] = [(1 - sqrt r)^2, (1 + sqrt r)^2]

    participation  mn / (m + n)                              64 x 64: 32.0  drawn 31.7 +- .6    192 x 64: 48.0  47.9 +- .3
    stable rank    mn / (sqrt m + sqrt n)^2                           16.0        16.9 +- 1.0             25.7  26.6 +- 1.2
    entropy rank   q int y / int y exp(..), of sigma                  51.5        51.3 +- .5              61.0  61.0 +- .1
                   of sigma^2                                         38.8        38.5 +- .5              54.2  54.1 +- .2
    nuclear rank   q (int sqrt x)^2                                   46.1        45.8 +- .5              58.5  58.5 +- .1
    E(q / 4)       energy of the largest quarter                      .623        .627 +- .006            .456  .458 +- .004

("drawn": mean and standard deviation of 20 matrices.) The participation ratio spreads least for its distance from 1 and is the
default for z. The stable rank lies below what is drawn by .8 - 1.2 at these sizes, as the largest value of a finite matrix
does not reach the edge: near noise, judge it by draws (`rank_z`), not by this number.
Source: Marchenko & Pastur 1967; figures of the sheet on low-rank gradients, section 4.
"""

from functools import lru_cache
from math import pi, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError

NODES = 4096


class Law(NamedTuple):
    """Nodes x of the law, largest first, and their weights, (NODES,) fp64 each; weights add up to 1."""

    nodes: Tensor
    weights: Tensor


@lru_cache(maxsize=256)
def law(m: int, n: int) -> Law:
    """The law of an m x n matrix, x = b at the first node, a at the last (midpoints in the angle of the half circle)."""
    ratio = min(m, n) / max(m, n)
    low, high = (1 - sqrt(ratio)) ** 2, (1 + sqrt(ratio)) ** 2
    angle = (torch.arange(NODES, dtype=torch.float64) + 0.5) * (pi / NODES)
    nodes = (low + high) / 2 + (high - low) / 2 * angle.cos()
    half = (high - low) / 2 * angle.sin()
    return Law(nodes, half.square() / nodes * (1 / (2 * ratio * NODES)))


def noise_participation(m: int, n: int) -> float:
    """mn / (m + n)."""
    return m * n / (m + n)


def noise_stable_rank(m: int, n: int) -> float:
    """mn / (sqrt m + sqrt n)^2."""
    return m * n / (sqrt(m) + sqrt(n)) ** 2


def noise_entropy_rank(m: int, n: int, of: str = "sigma") -> float:
    """Entropy rank of noise; of the shares of "sigma" (Roy & Vetterli) or of "energy" (sigma^2)."""
    nodes, weights = law(m, n)
    value = nodes.sqrt() if of == "sigma" else nodes
    total = (weights * value).sum()
    return (min(m, n) * total * (-(weights * torch.xlogy(value, value)).sum() / total).exp()).item()


def noise_nuclear_rank(m: int, n: int) -> float:
    """(sum sigma)^2 / sum sigma^2 of noise."""
    nodes, weights = law(m, n)
    return min(m, n) * (weights * nodes.sqrt()).sum().square().item()


def noise_energy(m: int, n: int, k: int) -> float:
    """Share of the energy of noise in its k largest directions, in (0, 1].

    Raises:
        MeasureError: k outside 1..min(m, n).
    """
    q = min(m, n)
    if not 1 <= k <= q:
        raise MeasureError(f"k = {k} directions of a {m} x {n} matrix: choose k between 1 and {q}.")
    nodes, weights = law(m, n)
    count = torch.nn.functional.pad(weights.cumsum(0), (1, 0))
    energy = torch.nn.functional.pad((weights * nodes).cumsum(0), (1, 0))
    at = int(torch.searchsorted(count, torch.tensor(k / q, dtype=torch.float64)).clamp(1, NODES))
    part = ((k / q - count[at - 1]) / (count[at] - count[at - 1])).clamp(0.0, 1.0)
    return min(1.0, (energy[at - 1] + part * (energy[at] - energy[at - 1])).item())
