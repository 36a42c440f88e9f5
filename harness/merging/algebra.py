"""Decompositions that merging rules share, all in fp64.

    frame       W = U S V^T, thin, by LAPACK whatever the size: a rule that is published with an SVD gets one
    polar       P Q^T of X = P S Q^T, the nearest partial isometry: orthonormal columns (or rows) where X has full rank
    retract     polar(X) for X close to orthonormal columns, as X (X^T X)^-1/2: no SVD, the same to 1e-15
    gram        <x_i, x_j> of flattened tensors, summed in chunks

Trap: where X lacks rank, P Q^T of an SVD has columns that LAPACK chose. `polar` leaves them out, so that its value is a
function of X: below `numerical_rank` singular vectors are rounding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.spectra.frame import Frame

CHUNK = 2**16
COMPUTED = 1e-8
"""Singular vectors are known to eps / (relative gap): columns nearer to dependent than this are so by rounding."""


TALL = 2


def frame(matrix: Tensor) -> Frame:
    """Thin SVD of (m, n), fp64: U (m, q), S (q,) largest first, V (n, q)."""
    if matrix.shape[0] < matrix.shape[1]:  # LAPACK is faster on tall matrices
        flipped = frame(matrix.T)
        return Frame(flipped.V, flipped.S, flipped.U)
    if matrix.shape[0] > TALL * matrix.shape[1] > 0:
        return _tall_frame(matrix)
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    return Frame(u, s, vh.T.contiguous())


def _tall_frame(matrix: Tensor) -> Frame:
    """W = Q R, R = U_R S V^T, U = Q U_R, as LAPACK does it, with two tensors of the matrix' size in place of four."""
    reflectors, scales = torch.geqrf(matrix.double())
    u, s, vh = torch.linalg.svd(reflectors[: matrix.shape[1]].triu(), full_matrices=False)
    q = torch.linalg.householder_product(reflectors, scales)
    del reflectors
    return Frame(q @ u, s, vh.T.contiguous())


def numerical_rank(values: Tensor, shape: Sequence[int]) -> int:
    """How many singular values (largest first) of a matrix of this shape lie above rounding: max(m, n) eps sigma_1."""
    if len(values) == 0:
        return 0
    return int((values > values[0] * max(shape) * torch.finfo(values.dtype).eps).sum())


def truncated(matrix: Tensor, k: int | None = None) -> Frame:
    """The leading k triplets of a matrix (None: all), without those below its numerical rank."""
    found = frame(matrix)
    rank = numerical_rank(found.S, matrix.shape)
    return leading(found, rank if k is None else min(k, rank))


def leading(found: Frame, k: int) -> Frame:
    """The first k triplets, so that the others can be let go."""
    return found if k == len(found.S) else Frame(found.U[:, :k].clone(), found.S[:k].clone(), found.V[:, :k].clone())


def left_vectors(matrix: Tensor) -> Tensor:
    """U (m, rank) of `truncated`, without the right side, which is not made where the matrix is wide."""
    m, n = matrix.shape
    if n <= TALL * m or m == 0:
        return truncated(matrix).U
    lower = torch.geqrf(matrix.double().T)[0][:m].triu().T
    u, s, _ = torch.linalg.svd(lower)
    return u[:, : numerical_rank(s, matrix.shape)].clone()


def polar(x: Tensor) -> Tensor:
    """The nearest partial isometry of (m, n), of the rank at COMPUTED: its columns are singular vectors that were computed."""
    found = frame(x)
    found = leading(found, int((found.S > COMPUTED * found.S[:1]).sum()))
    return found.U @ found.V.T


def retract(x: Tensor) -> Tensor:
    """polar(x) of (m, q) whose columns are nearly orthonormal: X^T X must be well conditioned."""
    squares, vectors = torch.linalg.eigh(x.T @ x)
    return x @ ((vectors * squares.rsqrt()) @ vectors.T)


def gram(count: int, size: int, rows: Callable[[int, int], Tensor]) -> Tensor:
    """Inner products of `count` long vectors, (count, count) fp64.

    Args:
        count, size: how many, of which length.
        rows: (start, stop) -> (count, stop - start) fp64, a chunk of all of them.
    """
    total: Tensor | None = None
    for start in range(0, size, CHUNK):
        part = rows(start, min(size, start + CHUNK))
        total = part @ part.T if total is None else total.addmm_(part, part.T)
    return torch.zeros(count, count, dtype=torch.float64) if total is None else total


def stacked(tensors: Sequence[Tensor], minus: Tensor | None = None) -> Callable[[int, int], Tensor]:
    """Chunks for `gram` of tensors of one shape, less another one."""
    flat = [each.reshape(-1) for each in tensors]
    base = None if minus is None else minus.reshape(-1)

    def rows(start: int, stop: int) -> Tensor:
        part = torch.stack([each[start:stop].double() for each in flat])
        return part if base is None else part - base[start:stop].double()

    return rows


def combined(weights: Sequence[float], tensors: Sequence[Tensor]) -> Tensor:
    """Sum of weight x tensor, in the dtype of the widest."""
    total = tensors[0] * weights[0]
    for weight, each in zip(weights[1:], tensors[1:], strict=True):
        total.add_(each, alpha=weight)
    return total
