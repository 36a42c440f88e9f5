"""Which singular vectors of an expert stand for which of the base's.

    by index      column k of both frames times s_k = sign <u_0k, u_ik>, sign(0) = +1: the official rule
    by subspace   blocks of neighbouring modes that the experts mix are turned by one rotation on both sides,
                  R = polar(U_iB^T U_0B + V_iB^T V_0B),   U_iB R, V_iB R

Modes k and k + 1 are neighbours of one block where 2 |u_a^T tau v_b| >= sigma_k - sigma_(k+1) for an expert, (a, b) = (k, k +
1) or (k + 1, k): perturbation theory turns them into each other by 22.5 degrees or more; equal singular values always are.

Trap: the frame of a matrix is defined up to signs only where singular values differ. Where an update exceeds a gap, vectors of
one index are those of other modes, and no sign makes them near. (W0 of a random model: median relative gap .04 at 64 x 64.)
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from harness.merging.algebra import frame, numerical_rank
from harness.spectra.frame import Frame

MIXED = 2.0
Block = tuple[int, int]


def by_sign(base: Frame, expert: Frame) -> Frame:
    """The expert's frame with the signs of the base's left vectors, written over it."""
    signs = torch.where((base.U * expert.U).sum(0) >= 0.0, 1.0, -1.0).to(base.U.dtype)
    return Frame(expert.U.mul_(signs), expert.S, expert.V.mul_(signs))


def by_subspace(base: Frame, expert: Frame, blocks: Sequence[Block]) -> Frame:
    """The expert's frame turned within each block towards the base's. Where the base's values are 0, its sides turn apart."""
    u, v = torch.empty_like(expert.U), torch.empty_like(expert.V)
    rank = numerical_rank(base.S, (len(base.U), len(base.V)))
    for start, stop in blocks:
        cut = slice(start, stop)
        left, right = expert.U[:, cut].T @ base.U[:, cut], expert.V[:, cut].T @ base.V[:, cut]
        if start >= rank:
            turns = (_rotation(left), _rotation(right))
        else:
            turns = (_rotation(left + right),) * 2
        u[:, cut], v[:, cut] = expert.U[:, cut] @ turns[0], expert.V[:, cut] @ turns[1]
    return Frame(u, expert.S, v)


def blocks_of(base: Frame, updates: Iterable[Tensor]) -> list[Block]:
    """Runs (start, stop) of modes that belong together, over all q; the same for every expert, whatever their order."""
    q = len(base.S)
    gaps = base.S[:-1] - base.S[1:]
    coupling = torch.zeros_like(gaps)
    for tau in updates:
        seen = tau @ base.V
        above = (base.U[:, :-1] * seen[:, 1:]).sum(0).abs()
        below = (base.U[:, 1:] * seen[:, :-1]).sum(0).abs()
        coupling = torch.maximum(coupling, torch.maximum(above, below))
    shape = (len(base.U), len(base.V))
    equal = base.S[:1] * max(shape) * torch.finfo(base.S.dtype).eps
    joined = (MIXED * coupling >= gaps) | (gaps <= equal)
    rank = numerical_rank(base.S, shape)
    joined[rank:] = True  # all zeros are one block, which no other mode belongs to
    if 0 < rank < q:
        joined[rank - 1] = False
    starts = [0, *((~joined).nonzero().flatten() + 1).tolist()]
    return list(zip(starts, [*starts[1:], q], strict=True))


def _rotation(overlap: Tensor) -> Tensor:
    found = frame(overlap)
    return found.U @ found.V.T
