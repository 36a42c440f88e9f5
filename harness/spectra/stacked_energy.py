"""Directions in time: how much of T gradients (or increments) of one matrix lies in r directions of its whole space R^(mn).

    X (T, mn), a snapshot per row, as it is (uncentred);   share_r = sum over i <= r of s_i(X)^2 / |X|_F^2

Everything follows from the T x T Gram matrix. Its nulls keep the snapshots' norms n_i and replace directions by Gaussian ones
with

    independent     E<x_i, x_j> = 0                      share about r / T where mn >> T
    autocorrelated  n_i n_j c^|i - j|                    c: the mean cosine of consecutive snapshots
    walk            n_i n_j sqrt(min(i, j) / max(i, j))  cumulative sums of independent steps: 8 / pi^2 = .81 at r = 1

drawn exactly at the matrix's own mn (Bartlett's T x T triangle, no T x mn noise).
Source: "the gradient space is low-rank" (top 10 % of T stacked gradients above .8; sheet of the papers, 25), rank-1
trajectories (RELEX; sheet on RLVR), "slow" or "locked" subspaces (2606.07082). Antognini & Sohl-Dickstein 2018 for the walk.
Trap, autocorrelation: of cumulative sums one direction holds .81, and its coefficient is linear in t with R^2 .96, without
any signal; of a momentum (beta .9)
10 of 100 directions hold .79 of pure noise. Only what exceeds the matching null is a direction of learning.
What a walk cannot fake is `half_overlap` of *increments*: the first half's directions found again in the second.
Weak drift is invisible here: a drift of .1 noise norms a step reads .023 at r = 1, where noise reads .015 (T = 75).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.named_matrices import checked, per_matrix, same_matrices
from harness.spectra.per_matrix import PerMatrix


class StackedEnergy(NamedTuple):
    """One number per matrix each.

    Attributes:
        share: of the energy, in r directions.
        independent, autocorrelated, walk: means of the nulls, see the module.
        cosine: mean cosine of consecutive snapshots.
        z: share against the autocorrelated null, in its standard deviations.
    """

    share: PerMatrix
    independent: PerMatrix
    autocorrelated: PerMatrix
    walk: PerMatrix
    cosine: PerMatrix
    z: PerMatrix


def stacked_energy(
    snapshots: Sequence[Mapping[str, Tensor]], r: int, generator: torch.Generator, draws: int = 20
) -> StackedEnergy:
    """Share of r directions in time, per matrix, beside its three nulls.

    Args:
        snapshots: T of them, by step; the same names and shapes.
        r: in 1..T - 1.
        generator: CPU generator; matrices draw by sorted name.
        draws: 2 or more, of every null.

    Raises:
        MeasureError: r or draws out of range, other matrices, or one that is None, zero, not finite or not 2-D.
    """
    _check(snapshots, r)
    if draws < 2:
        raise MeasureError(f"a standard deviation needs two draws or more, not {draws}.")
    rows: dict[str, tuple[float, ...]] = {}
    for name in sorted(snapshots[0]):
        gram = time_gram(snapshots, name)
        norms = gram.diagonal().sqrt()
        cosine = (gram.diagonal(1) / (norms[1:] * norms[:-1])).mean().item()
        step = torch.arange(len(gram), dtype=torch.float64)
        lag, later = (step[:, None] - step).abs(), torch.maximum(step[:, None], step)
        shapes = {
            "independent": torch.eye(len(gram), dtype=torch.float64),
            # 0^0 = 1 on the diagonal
            "autocorrelated": torch.tensor(cosine, dtype=torch.float64) ** lag,
            "walk": (1 - lag / (later + 1)).sqrt(),
        }
        size, rng = snapshots[0][name].numel(), numpy.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        drawn = {kind: _drawn(c, norms, size, r, draws, rng) for kind, c in shapes.items()}
        own, auto = _share(gram, r), drawn["autocorrelated"]
        z = ((own - auto.mean()) / auto.std()).item() if auto.std() > 1e-12 else float("nan")
        rows[name] = (own, *(values.mean().item() for values in drawn.values()), cosine, z)
    columns = zip(*(rows[name] for name in snapshots[0]), strict=True)
    return StackedEnergy(*(per_matrix(snapshots[0], dict(zip(snapshots[0], column, strict=True))) for column in columns))


def half_overlap(snapshots: Sequence[Mapping[str, Tensor]], r: int, gap: int = 0) -> PerMatrix:
    """Overlap of the r leading directions in time of the first half with those of the second, in [0, 1]; chance r / (mn).

    Args:
        snapshots: gradients or increments, by step. Cumulative sums must be given as increments: a walk anchored at W_0 reads
            a cosine of .77 (overlap .6) between its halves, re-anchored in the middle .01.
        r: at most half of what is left.
        gap: snapshots left out in the middle, as many as the autocorrelation lasts.

    Raises:
        MeasureError: r or gap out of range, or as `stacked_energy`.
    """
    half = (len(snapshots) - gap) // 2
    if gap < 0 or not 1 <= r <= half:
        raise MeasureError(
            f"{len(snapshots)} snapshots with a gap of {gap} leave halves of {max(half, 0)}: choose r = {r} between 1 and that."
        )
    _check(snapshots, r)
    found = {}
    for name in snapshots[0]:
        gram = time_gram(snapshots, name)
        sides = [gram[:half, :half], gram[-half:, -half:]]
        # Right vectors X^T a / s from left ones: their products are a^T (X X'^T) a' / (s s').
        left = [_leading(side, r, name) for side in sides]
        found[name] = (left[0].T @ gram[:half, -half:] @ left[1]).square().sum().item() / r
    return per_matrix(snapshots[0], found)


def time_gram(snapshots: Sequence[Mapping[str, Tensor]], name: str) -> Tensor:
    """<x_i, x_j> of the snapshots of one matrix, (T, T) fp64."""
    rows = torch.stack([checked(snapshot[name], name, "its direction in time").flatten() for snapshot in snapshots])
    return rows @ rows.T


def _check(snapshots: Sequence[Mapping[str, Tensor]], r: int) -> None:
    if not 1 <= r < len(snapshots):
        raise MeasureError(
            f"r = {r} directions of {len(snapshots)} snapshots: choose r of 1 or more and give more snapshots than that."
        )
    for snapshot in snapshots[1:]:
        same_matrices(snapshots[0], snapshot, "a direction in time")


def _share(gram: Tensor, r: int) -> float:
    return (torch.linalg.eigvalsh(gram)[-r:].sum() / gram.trace()).item()


def _leading(gram: Tensor, r: int, name: str) -> Tensor:
    """Leading eigenvectors over their singular values, (T', r)."""
    squares, vectors = torch.linalg.eigh(gram)
    if squares[-r] <= len(gram) * 1e-14 * squares[-1]:
        raise MeasureError(f"the snapshots of {name} span fewer than {r} directions: choose a smaller r.")
    return vectors[:, -r:] / squares[-r:].sqrt()


def _drawn(correlation: Tensor, norms: Tensor, size: int, r: int, draws: int, rng: numpy.random.Generator) -> Tensor:
    """Shares of Gaussian rows with that correlation and those norms in R^size, (draws,).

    Rounding may leave eigenvalues of -1e-17, hence the root by eigh."""
    squares, vectors = torch.linalg.eigh(correlation)
    root = vectors * squares.clamp(min=0.0).sqrt()
    shares = []
    for _ in range(draws):
        mixed = root @ _triangle(len(norms), size, rng)
        mixed = mixed / torch.linalg.vector_norm(mixed, dim=1, keepdim=True) * norms[:, None]
        shares.append(_share(mixed @ mixed.T, r))
    return torch.tensor(shares, dtype=torch.float64)


def _triangle(count: int, size: int, rng: numpy.random.Generator) -> Tensor:
    """L with L L^T distributed as Z Z^T, Z (count, size) Gaussian: Bartlett's triangle; Z itself where size is smaller."""
    if size < count:
        return torch.from_numpy(rng.standard_normal((count, size)))
    lower = numpy.tril(rng.standard_normal((count, count)), -1)
    numpy.fill_diagonal(lower, numpy.sqrt(rng.chisquare(size - numpy.arange(count))))
    return torch.from_numpy(lower)
