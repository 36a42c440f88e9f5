"""Overlap of the leading singular directions of two gradients, and how it goes over time.

    O_k(a, b) = |U_k(a)^T U_k(b)|_F^2 / k,      chance k / m   (V and n on the right)

the mean squared cosine of the principal angles. "Slow" or "frozen" subspaces are said of O_k between steps: GaLore 2403.03507
refreshes its projector every 200 steps for that reason, SARA 2502.05790 watches adjacent ones. In a tiny language model, top
16 of 64, 40 steps apart: .39 at first, .65 - .69 later, chance .25 (sheet of the low-rank literature, E7).
Trap, autocorrelation: what changes slowly overlaps, signal or not. Two Gaussian 64 x 64 matrices with cosine .5, .8, .9, .99
read .39, .63, .76, .97 at k = 16: a momentum of pure noise (beta .9) looks frozen from one step to the next. Give plain
gradients of fresh batches, and compare with `noise_overlap` at the measured cosine, not with k / m alone.
Trap, cumulative sums: W_t - W_0 at t = T / 5 and at T share their walk. An isotropic random walk reads .24, .14, .08 at
k = 16, n = 128, 256, 512 (chance .125, .06, .03), increments with uneven columns .68 - .78 (sheet on RLVR). Give increments.
Trap, the ceiling: two batches at the same step agree to .69 - .74 only. Nothing between steps can be expected above that.
Trap: directions behind the rank, or inside a cluster of equal singular values, are arbitrary. k above the numerical rank is
refused. torch.svd_lowrank at its defaults makes rotations up (overlap .84 of a matrix with itself): these are exact
decompositions.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.frame import decompose, leading
from harness.spectra.named_matrices import FP32_EPS, checked, each, per_matrix, same_matrices
from harness.spectra.per_matrix import PerMatrix

Side = Literal["left", "right"]


class OverlapInTime(NamedTuple):
    """Overlaps of S snapshots.

    Attributes:
        consecutive: S - 1 PerMatrix, snapshot i with i + 1.
        against_first: S - 1 PerMatrix, the first with i + 1.
        cosine: S - 1 PerMatrix, of consecutive snapshots entry by entry: their autocorrelation, for `noise_overlap`.
        chance: k / m, or k / n.
    """

    consecutive: tuple[PerMatrix, ...]
    against_first: tuple[PerMatrix, ...]
    cosine: tuple[PerMatrix, ...]
    chance: PerMatrix


def subspace_overlap(a: Mapping[str, Tensor], b: Mapping[str, Tensor], k: int, side: Side = "left") -> PerMatrix:
    """O_k of each matrix, in [0, 1].

    Args:
        a, b: name -> (m, n), the same names and shapes.
        k: in 1..min(m, n), at most the rank of both.
        side: "left" (U) or "right" (V).

    Raises:
        MeasureError: other matrices, an unknown side, k too large, or a matrix that cannot be read.
    """
    same_matrices(a, b, "an overlap")
    found = {
        name: _overlap(_basis(g, k, side, name), leading_directions(b[name], k, side, name))
        for name, g in each(a, "its overlap")
    }
    return per_matrix(a, found)


def overlaps_in_time(snapshots: Sequence[Mapping[str, Tensor]], k: int, side: Side = "left") -> OverlapInTime:
    """O_k of consecutive snapshots and of each with the first.

    Args:
        snapshots: two or more, by step: gradients of fresh batches, not momenta or cumulative sums.
        k, side: as in `subspace_overlap`.

    Raises:
        MeasureError: fewer than two snapshots, or as `subspace_overlap`.
    """
    if len(snapshots) < 2:
        raise MeasureError(f"{len(snapshots)} snapshot has no past: an overlap over time needs two or more.")
    for snapshot in snapshots[1:]:
        same_matrices(snapshots[0], snapshot, "an overlap over time")
    consecutive, first, cosines = ([{} for _ in snapshots[1:]] for _ in range(3))
    for name in snapshots[0]:
        read = [checked(snapshot[name], name, "its overlap") for snapshot in snapshots]
        bases = [_basis(g, k, side, name) for g in read]
        for i, ((before, after), (g, h)) in enumerate(zip(pairwise(bases), pairwise(read), strict=True)):
            consecutive[i][name] = _overlap(before, after)
            first[i][name] = _overlap(bases[0], after)
            cosines[i][name] = ((g * h).sum() / (torch.linalg.vector_norm(g) * torch.linalg.vector_norm(h))).item()
    curves = (tuple(per_matrix(snapshots[0], values) for values in curve) for curve in (consecutive, first, cosines))
    return OverlapInTime(*curves, chance_overlap(snapshots[0], k, side))


def chance_overlap(matrices: Mapping[str, Tensor], k: int, side: Side = "left") -> PerMatrix:
    """k / m on the left, k / n on the right: the overlap of independent spaces."""
    return per_matrix(matrices, {name: k / side_length(g, side) for name, g in matrices.items()})


def noise_overlap(
    matrices: Mapping[str, Tensor],
    cosine: Mapping[str, float],
    k: int,
    generator: torch.Generator,
    side: Side = "left",
    draws: int = 4,
) -> PerMatrix:
    """O_k of two Gaussian matrices of that cosine, mean over draws: what autocorrelation alone gives.

    Neither a bound from above nor from below: a single persistent direction has a high cosine and, at k = 16, little overlap.

    Args:
        matrices: name -> (m, n); only shapes are looked at.
        cosine: name -> in [-1, 1], as in OverlapInTime.cosine.
        generator: CPU generator; matrices draw by sorted name.
        draws: 1 or more.

    Raises:
        MeasureError: a cosine outside [-1, 1], no draw, or k too large.
    """
    if draws < 1:
        raise MeasureError(f"a null of {draws} draws is none: ask for one or more.")
    found = {}
    for name in sorted(matrices):
        c = cosine[name]
        if not -1.0 - 1e-9 <= c <= 1.0 + 1e-9:
            raise MeasureError(f"the cosine of {name} is {c:.4g}: it must lie in [-1, 1].")
        c = max(-1.0, min(1.0, c))
        total = 0.0
        for _ in range(draws):
            a, fresh = (torch.randn(matrices[name].shape, generator=generator).double() for _ in range(2))
            total += _overlap(*(_basis(g, k, side, name) for g in (a, c * a + sqrt(1 - c * c) * fresh)))
        found[name] = total / draws
    return per_matrix(matrices, {name: found[name] for name in matrices})


def leading_directions(matrix: Tensor, k: int, side: Side, name: str = "the matrix", role: str = "gradient") -> Tensor:
    """The k leading left or right singular directions, (m, k) or (n, k) fp64, of one matrix that is checked first.

    Raises:
        MeasureError: the matrix is None, zero, not finite or not 2-D; k above its size or its numerical rank; an unknown side.
    """
    return _basis(checked(matrix, name, "its leading directions", role), k, side, name, role)


def side_length(matrix: Tensor, side: Side) -> int:
    """m for "left", n for "right".

    Raises:
        MeasureError: an unknown side.
    """
    if side not in ("left", "right"):
        raise MeasureError(f"unknown side {side!r}: use 'left' or 'right'.")
    return matrix.shape[0 if side == "left" else 1]


def _basis(wide: Tensor, k: int, side: Side, name: str, role: str = "gradient") -> Tensor:
    side_length(wide, side)
    leading(min(wide.shape), k, 1.0)
    frame = decompose(wide)
    rank = int((frame.S > max(wide.shape) * FP32_EPS * frame.S[0]).sum())
    if k > rank:
        raise MeasureError(
            f"the {role} of {name} has rank {rank}: directions beyond are arbitrary; "
            f"choose k at most {rank}, or give more tokens."
        )
    return (frame.U if side == "left" else frame.V)[:, :k]


def _overlap(a: Tensor, b: Tensor) -> float:
    return (a.T @ b).square().sum().item() / a.shape[1]
