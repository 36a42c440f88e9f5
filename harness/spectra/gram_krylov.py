"""The k leading directions of a large matrix by block Krylov on its Gram matrix, which is at hand once all values are wanted.

    Q = orth [X, G X, ..., G^depth X],   G = W^T W on the smaller side;   Ritz vectors of Q^T G Q;   the rest as harness.spectra.krylov

A product with G costs q^2, one with W and its transpose 2 m n: half at 4096 x 4096, a fifth at 11008 x 4096. The last step and the
residuals are those of W in fp64.
Trap: G in fp32 turns a space by up to |E|_2 / (sigma_k^2 - sigma_(k+1)^2), |E|_2 some 2^-24 sigma_1^2: more than an update of
relative size 1e-3 does. `blur` says how much; an angle near it is to be read from W.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor

from harness.spectra.krylov import PartialFrame, refine
from harness.spectra.products import full_fp32, times

SAFETY = 8.0


def gram_passes(
    matrix: Tensor, gram: Tensor, k: int, block: int, depth: int, seed: int = 0, start: Tensor | None = None
) -> Iterator[PartialFrame]:
    """The k leading triplets after one pass, after two, and so on without end; each pass starts from the one before.

    Args:
        matrix: (m, n), any floating dtype, finite.
        gram: (q, q), symmetric, fp32 or fp64, of its smaller side.
        k, block, depth: as in `leading_subspaces`.
        seed: of X, (q, block).
        start: (q, p) directions of the smaller side to begin from, p <= block.
    """
    q, is_tall = len(gram), matrix.shape[0] >= matrix.shape[1]
    tall = matrix if is_tall else matrix.T
    x = torch.randn(q, block, generator=torch.Generator().manual_seed(seed)).to(gram) / sqrt(q)
    if start is not None:
        x[:, : start.shape[1]] = start
    while True:
        with full_fp32(gram.device):
            x = _ritz(gram, x, depth)
        right = x[:, :k].double().contiguous()
        u, s, v, residuals = refine(tall, times(tall, right))
        yield PartialFrame(u, s, v, residuals) if is_tall else PartialFrame(v, s, u, residuals)


def blur(values: Tensor, cut: int, dtype: torch.dtype) -> float:
    """Bound on the angle, in radians, by which a Gram matrix of this dtype turns the space of the first `cut` directions.

    Args:
        values: (q,) singular values, largest first.
        cut: in 1..q-1.
        dtype: fp32 or fp64.
    """
    room = (values[cut - 1].square() - values[cut].square()).item()
    return SAFETY * torch.finfo(dtype).eps / 2 * values[0].item() ** 2 / room if room > 0.0 else float("inf")


def _ritz(gram: Tensor, x: Tensor, depth: int) -> Tensor:
    """(q, block) Ritz vectors of one pass, best first."""
    kept = [torch.linalg.qr(x).Q]
    for _ in range(depth):
        kept.append(torch.linalg.qr(gram @ kept[-1]).Q)
    basis = torch.linalg.qr(torch.cat(kept, dim=1)).Q
    inner = basis.T @ (gram @ basis)
    best = torch.linalg.eigh(inner.double()).eigenvectors[:, -x.shape[1] :].flip(1)
    return basis @ best.to(basis)
