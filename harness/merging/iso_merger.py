"""ISO-Merger: experts merged in the singular frames of the base, whose singular values stay.

    W0 = U0 S0 V0^T,  W_i = U_i S_i V_i^T, aligned with the base (`iso_alignment`), q = min(m, n)
    xi_ui = Pi_U0(U_i - U0), same for V;  Pi_X(Y) = Y - X sym(X^T Y);  columns from round(.9 q) on set to 0
    g_i = xi_ui S0 V0^T + U0 S0 xi_vi^T,  Gamma_ij = <g_i, g_j>
    (Gamma + 1e-12 I) c = diag(Gamma), cut to [0, 1.5]; c = 1 where that matrix is singular
    U* = polar(U0 + Pi(sum c_i xi_ui)), same for V;   W* = U* S0 V*^T

    iso            the official rule, in fp64
    iso-scaled     the ridge is 1e-12 of the mean of diag(Gamma), and directions that Gamma lacks get none of c
    iso-subspace   that, and modes that the experts mix are aligned as subspaces; no block is cut by the mask

Source: arXiv 2607.19331 and its code. There also embeddings and the head are merged so, 1-D tensors averaged, others copied.
Trap: with one expert it does not return that expert: the spectrum's part of the update is lost (1 / sqrt(n) of noise), and what
the mask cuts; .24 of the update in all at relative size .02.
Trap: the official ridge is absolute. Equal experts get c = 1/2 each at scales 1e-2 to 1e2, and c = 1 each at 1e3, twice the
update.
Trap: signs are not the whole gauge: on a base with equal singular values the official result depends on LAPACK's choice of
vectors.

X = U0 + xi with xi tangent has X^T X = I + xi^T xi, well conditioned, so polar is X (X^T X)^-1/2 and needs no SVD. Gamma needs
no g_i: V0 is orthonormal, so <g_i, g_j> is a sum of products of the xi and of their q x q coordinates.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.merging.algebra import frame, retract
from harness.merging.iso_alignment import Block, blocks_of, by_sign, by_subspace
from harness.merging.rule import NOTHING, Given
from harness.spectra.frame import Frame


class IsoMerged(NamedTuple):
    """W* (m, n) fp64; c (K,) as cut; Gamma (K, K) fp64."""

    weight: Tensor
    coefficients: Tensor
    gram: Tensor


class _Moved(NamedTuple):
    """Tangents of one expert, the kept columns: (m, k) and (n, k)."""

    u: Tensor
    v: Tensor


def iso(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, keep: float = 0.9, ridge: float = 1e-12, most: float = 1.5
) -> Tensor:
    """The official rule.

    Args:
        keep: share of the modes that may move.
        ridge: added to the diagonal of Gamma.
        most: largest c.
    """
    return iso_merged(w0, experts, keep=keep, ridge=ridge, most=most).weight


def iso_scaled(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, keep: float = 0.9, ridge: float = 1e-12, most: float = 1.5
) -> Tensor:
    """With a ridge relative to Gamma: equivariant under W -> c W."""
    return iso_merged(w0, experts, keep=keep, ridge=ridge, most=most, relative=True).weight


def iso_subspace(
    w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, *, keep: float = 0.9, ridge: float = 1e-12, most: float = 1.5
) -> Tensor:
    """With blocks of mixed modes aligned as subspaces, too."""
    return iso_merged(w0, experts, keep=keep, ridge=ridge, most=most, relative=True, subspaces=True).weight


def iso_merged(
    w0: Tensor, experts: Sequence[Tensor], *,
    keep: float = 0.9, ridge: float = 1e-12, most: float = 1.5, relative: bool = False, subspaces: bool = False,
) -> IsoMerged:  # fmt: skip
    """The merge with its coefficients; w0 and experts (m, n) of any floating dtype, taken to fp64 one at a time."""
    base = frame(w0)
    blocks = blocks_of(base, (expert.double() - w0.double() for expert in experts)) if subspaces else None
    k = _kept(len(base.S), keep, blocks)
    moved = [_moved(base, frame(experts[at]), blocks, k) for at in range(len(experts))]  # no name holds an upcast expert
    gram = _gram(base, moved, k)
    c = (_relative if relative else _official)(gram, ridge).clamp(0.0, most)
    lefts, rights = [each.u for each in moved], [each.v for each in moved]
    del moved
    left, right = _turned(base.U, lefts, c), _turned(base.V, rights, c)
    return IsoMerged(left.mul_(base.S) @ right.T, c, gram)


def _turned(start: Tensor, tangents: list[Tensor], c: Tensor) -> Tensor:
    """polar(X + Pi(sum c_i xi_i)); the list is used up."""
    total = torch.zeros_like(start)
    for weight in reversed(c.tolist()):
        tangent = tangents.pop()
        total[:, : tangent.shape[1]].add_(tangent, alpha=weight)
        del tangent
    return retract(_project(start, total).add_(start))


def _kept(q: int, keep: float, blocks: Sequence[Block] | None) -> int:
    k = max(1, round(keep * q))
    return k if blocks is None else next(stop for start, stop in blocks if start < k <= stop)


def _moved(base: Frame, expert: Frame, blocks: Sequence[Block] | None, k: int) -> _Moved:
    near = by_sign(base, expert) if blocks is None else by_subspace(base, expert, blocks)
    sides = ((base.U, near.U), (base.V, near.V))
    return _Moved(*(_project(start, end.sub_(start))[:, :k].clone() for start, end in sides))


def _project(at: Tensor, y: Tensor) -> Tensor:
    """Pi_X(Y), written over Y."""
    inside = at.T @ y
    return y.addmm_(at, inside + inside.T, alpha=-0.5)


def _gram(base: Frame, moved: Sequence[_Moved], k: int) -> Tensor:
    """<g_i, g_j>, (K, K) on the CPU."""
    s = base.S[:k]
    u_in = [base.U[:, :k].T @ each.u for each in moved]
    v_in = [base.V[:, :k].T @ each.v for each in moved]

    def cross(i: int, j: int) -> Tensor:
        return ((u_in[i].T * v_in[j]) * torch.outer(s, s)).sum()

    gram = torch.zeros(len(moved), len(moved), dtype=torch.float64)
    for i, one in enumerate(moved):
        for j, other in enumerate(moved[: i + 1]):
            same = ((one.u * other.u).sum(0) + (one.v * other.v).sum(0)) @ s.square()
            gram[i, j] = gram[j, i] = (same + cross(i, j) + cross(j, i)).item()
    return gram


def _official(gram: Tensor, ridge: float) -> Tensor:
    shifted = gram + ridge * torch.eye(len(gram), dtype=gram.dtype)
    c, info = torch.linalg.solve_ex(shifted, gram.diagonal())
    return c if int(info) == 0 else torch.ones_like(c)


def _relative(gram: Tensor, ridge: float) -> Tensor:
    values, vectors = torch.linalg.eigh(gram)
    shifted = values.clamp(min=0.0) + ridge * gram.diagonal().mean()
    along = vectors.T @ gram.diagonal()
    lacking = values <= len(gram) * torch.finfo(gram.dtype).eps * values[-1].clamp(min=0.0)
    return vectors @ torch.where(lacking, 0.0, along / torch.where(shifted > 0.0, shifted, 1.0))
