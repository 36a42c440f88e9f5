"""The k leading singular directions of a large matrix, with residuals, by block Krylov iteration.

    Q = orth [W X, (W W^T) W X, ..., (W W^T)^depth W X],   X (n, block) Gaussian
    U S V^T = the k leading triplets of Q Q^T W;   residual_i = max(|W v_i - s_i u_i|, |W^T u_i - s_i v_i|)

For a single pair this stands in for the full frame: 4096 x 4096 and k = 64 take 2 CPU-s, an SVD 19. Products are fp32; the last
Rayleigh-Ritz step and the residuals are fp64, with U and V orthonormal to 1e-14. Where residuals are above the tolerance, X
becomes the best `block` right vectors so far and the iteration runs again. Problems that it would not shorten (up to 512, or
block (depth + 1), on the smaller side) are decomposed in fp64.
Source: Musco & Musco 2015 (block Krylov); Knyazev & Argentati 2002, Wedin 1972 (what residuals say of spaces).
Trap: values come right long before spaces do. Gaussian 2048 x 2048, k = 64, block = 64, depth 6: values within .9 %, spaces
82 degrees off; the residual, 7 % of sigma, shows it. A residual does not show a direction that was never met: `verified` asks
a second seed. And without a gap at k there is no space to find, only values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import pi, sin, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.frame import decompose, leading
from harness.spectra.principal_angles import principal_angles
from harness.spectra.products import full_fp32, times

EPS = torch.finfo(torch.float64).eps
DIRECT_LIMIT = 512
# What fp32 products leave of residuals relative to sigma_1; measured 4e-7.
FP32_FLOOR = 2e-6


class PartialFrame(NamedTuple):
    """U (m, k), S (k,) largest first, V (n, k), residuals (k,) in the units of S; all fp64."""

    U: Tensor
    S: Tensor
    V: Tensor
    residuals: Tensor

    def top(self, k: int) -> PartialFrame:
        """The k leading directions of these."""
        return PartialFrame(self.U[:, :k], self.S[:k], self.V[:, :k], self.residuals[:k])


class Verified(NamedTuple):
    """A partial frame and what a second seed says of it.

    Attributes:
        frame: from the first seed.
        gap: sigma_k / sigma_(k+1); inf at k = min(m, n) and before a zero.
        angle: largest principal angle between the two seeds' spaces, of both sides, radians in [0, pi/2].
        determined: angle <= the limit asked for. False means that there is no gap at k and the space is arbitrary; values
            and residuals hold all the same.
        note: a sentence for the reader where it is not determined, else "".
    """

    frame: PartialFrame
    gap: float
    angle: float
    determined: bool
    note: str


def leading_subspaces(
    matrix: Tensor,
    k: int,
    *,
    generator_seed: int = 0,
    block: int | None = None,
    depth: int = 6,
    tolerance: float = 1e-2,
    passes: int = 4,
) -> PartialFrame:
    """The k leading singular triplets.

    Args:
        matrix: (m, n), any floating dtype, on any device; upcast in chunks.
        k: in 1..min(m, n).
        generator_seed: of X. Two matrices that differ by a small update share their errors if they share it.
        block: columns of X; max(2 k, k + 64) by default, as k alone is too few.
        depth: products with W W^T in a pass.
        tolerance: largest residual of a value, relative to it. A value is off by about its square, relative.
        passes: how often to run at most.

    Raises:
        MeasureError: not a matrix, an entry not finite, k or block out of range, or a residual that stays above the tolerance.
    """
    if matrix.ndim != 2:
        raise MeasureError(f"a tensor of shape {tuple(matrix.shape)} is no matrix: it has no leading directions.")
    m, n = matrix.shape
    leading(min(m, n), k, 1.0)
    block = max(2 * k, k + 64) if block is None else block
    if block < k:
        raise MeasureError(f"a block of {block} columns cannot find {k} directions: give at least {k}, better {2 * k}.")
    peak = torch.stack(matrix.aminmax()).double().abs().max().item()
    if not peak < torch.inf:
        raise MeasureError(f"a {m} x {n} matrix holds entries that are not finite: it has no leading directions.")
    if min(m, n) <= max(DIRECT_LIMIT, block * (depth + 1)):
        return refine(matrix, decompose(matrix).U[:, :k])
    for found in islice(krylov_passes(matrix, k, block, depth, generator_seed, peak=peak), passes):
        allowed = (tolerance * found.S).clamp(min=FP32_FLOOR * found.S[0].item())
        if (found.residuals <= allowed).all():
            return found
    worst = (found.residuals / found.S).max().item()
    raise MeasureError(
        f"the {k} leading directions of a {m} x {n} matrix were not found: after {passes} x {depth} steps with {block} columns "
        f"a residual is {worst:.1e} of its singular value, above {tolerance:g}; raise depth or block, or take the full frame."
    )


def krylov_passes(
    matrix: Tensor, k: int, block: int, depth: int, seed: int, *, start: Tensor | None = None, peak: float | None = None
) -> Iterator[PartialFrame]:
    """The k leading triplets after one pass, after two, and so on without end; each pass starts from the one before.

    Args:
        matrix: (m, n), any floating dtype, finite, and larger than block (depth + 1) on its smaller side.
        k, block, depth: as in `leading_subspaces`.
        seed: of X.
        start: (n, p) right directions to begin from, p <= block, in place of the first columns of X: those of a matrix nearby.
            Two matrices compared are both to begin there, so that what is left of their errors is alike.
        peak: largest magnitude of an entry, if at hand.
    """
    n = matrix.shape[1]
    x = torch.randn(n, block, generator=torch.Generator().manual_seed(seed)).to(matrix.device) / sqrt(n)
    if start is not None:
        x[:, : start.shape[1]] = start
    peak = torch.stack(matrix.aminmax()).double().abs().max().item() if peak is None else peak
    while True:
        with full_fp32(matrix.device):
            # One upcast a pass, dropped before the next matrix is read: five products in chunks would each do it again.
            basis, x = _iterate(matrix.float(), x, depth, 1.0 / peak if peak else 1.0)
        yield refine(matrix, basis[:, :k].double())


def verified(
    matrix: Tensor, k: int, *, seeds: tuple[int, int] = (0, 1), limit: float = pi / 180, **options: float | None
) -> Verified:
    """`leading_subspaces`, and whether a second seed finds the same space. Costs twice as much.

    Args:
        matrix, k: as in `leading_subspaces`.
        seeds: the first one's frame is returned.
        limit: angle in radians up to which two spaces are the same.
        options: block, depth, tolerance, passes.

    Raises:
        MeasureError: as `leading_subspaces`; or residuals and gap promise the space to within limit / 2, and still the
            seeds differ by more than the limit: one of them has missed a direction.
    """
    q = min(matrix.shape)
    options["block"] = max(options.get("block") or max(2 * k, k + 64), min(k + 1, q))
    found, other = (leading_subspaces(matrix, min(k + 1, q), generator_seed=seed, **options) for seed in seeds)
    angle = max(principal_angles(a[:, :k], b[:, :k])[-1].item() for a, b in ((found.U, other.U), (found.V, other.V)))
    last, after = found.S[k - 1].item(), found.S[k].item() if k < q else 0.0
    frame, gap = found.top(k), last / after if after else torch.inf
    # Small problems are decomposed alike whatever the seed: there, equal values show in the width alone.
    flat = last - after <= q * EPS * found.S[0].item() / sin(limit)
    if angle <= limit and not flat:
        return Verified(frame, gap, angle, True, "")
    residual = max(torch.linalg.vector_norm(each.residuals[:k]).item() for each in (found, other))
    if residual <= sin(limit / 2) * (last - after) and not flat:
        raise MeasureError(
            f"seeds {seeds[0]} and {seeds[1]} found different {k} leading directions of a {' x '.join(map(str, matrix.shape))} "
            f"matrix, {angle:.2g} rad apart at a gap of {gap:.4g}: one missed a direction; raise block, or take the full frame."
        )
    note = f"no gap at k = {k}: sigma_k is {last:.6g} and sigma_k+1 {after:.6g}, so the space is arbitrary; read the values."
    return Verified(frame, gap, angle, False, note)


def _iterate(matrix: Tensor, x: Tensor, depth: int, scale: float) -> tuple[Tensor, Tensor]:
    """Left Ritz vectors (m, block) of one pass, best first, and the start (n, block) of the next, fp32.

    scale keeps W W^T of very small or large weights inside fp32."""
    kept = [torch.linalg.qr(matrix @ (x * scale)).Q]
    for _ in range(depth):
        back = (matrix.T @ kept[-1]) * scale
        kept.append(torch.linalg.qr((matrix @ back) * scale).Q)
    q = torch.linalg.qr(torch.cat(kept, dim=1)).Q
    inner = (matrix.T @ q) * scale
    best = torch.linalg.eigh(inner.double().T @ inner.double()).eigenvectors[:, -x.shape[1] :].flip(1).float()
    return q @ best, inner @ best


def refine(matrix: Tensor, left: Tensor) -> PartialFrame:
    """Rayleigh-Ritz on left vectors alone, in fp64: W^T u_i = s_i v_i holds to rounding, W v_i = s_i u_i to the residual.

    Args:
        matrix: (m, n), any floating dtype.
        left: (m, k) fp64, full column rank.
    """
    left = torch.linalg.qr(left).Q
    image = times(matrix.T, left)
    right, triangle = torch.linalg.qr(image)
    p, s, rotated = torch.linalg.svd(triangle.T)
    u, v = left @ p, right @ rotated.T
    forward = torch.linalg.vector_norm(times(matrix, v) - u * s, dim=0)
    backward = torch.linalg.vector_norm(image @ p - v * s, dim=0)
    return PartialFrame(u, s, v, torch.maximum(forward, backward))
