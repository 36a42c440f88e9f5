"""Retractions onto the Stiefel manifold: from a frame X (m, q) and a step D (m, q) to a frame near X + D.

    polar           L R^T of X + D = L S R^T, by an SVD in fp64: the nearest frame
    newton-schulz   Y <- Y - Y E / 2, E = Y^T Y - I, until |E|_F / sqrt(q) is at most TOLERANCE: the same map, by products;
                    3/8 Y E^2 is added where that ends it
    qr              Q of X + D' = Q R, D' the tangent part of D, R's diagonal positive
    cayley          (I - A/2)^-1 (I + A/2) X,  A = P D X^T - X D^T P,  P = I - X X^T / 2;  by Woodbury where 2 q < m
    block-cayley    the same with all of A set to 0 but blocks on its diagonal, under a permutation of the rows

To first order each but the last moves X by the tangent part of D, whatever D is. The second orders differ: for a tangent
Gaussian D at 96 x 64 |R(X + e D) - X - e D| / e^2 is 351 for polar, 375 for cayley, 418 for qr.
Cost and error at 1024 x 1024 in fp32, one thread, D of random signs times 1e-5, error over |D|: polar 700 ms; newton-schulz 84
(one iteration 56), 5e-4, which is fp32's rounding; cayley 162, 1e-3; qr 129, 2e-3; block-cayley 24, .70. In fp64 one iteration
is off by 5e-4 of the turn, two by 1e-10; with signs times 1e-3 one by 5e-2, two by 1.5e-4, three by 2e-9.
Source: ISO 2607.19331, Eq. 35 (polar); Wen & Yin 2013 (Cayley); Absil & Malick 2012; sheet of the RLVR literature, section 2.3.
Trap: Gram-Schmidt answers the part of D that is not tangent with a turn of first order, polar and Cayley with none: without D'
an AdamW step on a square frame comes out .7 |D| away from theirs.
Trap: block-cayley is no retraction of D: it makes (b - 1) / (m - 1) of the squared length of a random A, other rows every time.
Trap: Newton-Schulz takes a singular value s to (3 s - s^3) / 2, which ends at -1 from sqrt(3) to sqrt(5). Y is scaled below
that before it begins, where it might lie above.
Trap: a Cayley transform keeps X^T X, it does not mend it: rounding adds up. `tightened` mends.
"""

from collections.abc import Callable
from math import isfinite, sqrt

import torch
from torch import Tensor

from harness.errors import TrainingError
from harness.optimizers.stiefel import defect, tangent

RETRACTIONS = ("polar", "newton-schulz", "qr", "cayley", "block-cayley")
MENDING = ("polar", "newton-schulz", "qr")
"""Those whose result is orthonormal even where X is not quite."""

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-13}
"""Largest deviation (stiefel.py) that Newton-Schulz leaves alone; singular values are off by about half of it."""

MOST = 40


def retract(
    name: str, frame: Tensor, step: Tensor, *, iterations: int | None = None, block: int = 32,
    permutation: Callable[[int], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """The frame that a step leads to.

    Args:
        name: one of RETRACTIONS.
        frame: X (m, q), m >= q, orthonormal, fp32 or fp64.
        step: D (m, q).
        iterations: of Newton-Schulz at most; None: as many as it takes.
        block: rows of a block.
        permutation: of m rows, for block-cayley; None: the order they are in.

    Raises:
        TrainingError: X + D is not finite.
    """
    if name == "block-cayley":
        return block_cayley(frame, step, block, permutation(frame.shape[0]) if permutation else None)
    if name == "cayley":
        return cayley(frame, step)
    if name == "qr":
        return qr(frame + tangent(frame, step))
    return polar(frame + step) if name == "polar" else newton_schulz(frame + step, iterations)


def polar(y: Tensor) -> Tensor:
    """The nearest frame to y (m, q), by its SVD in fp64."""
    _require_finite(y.abs().max().item())
    left, _, right = torch.linalg.svd(y.double(), full_matrices=False)
    return (left @ right).to(y.dtype)


def newton_schulz(y: Tensor, iterations: int | None = None) -> Tensor:
    """The nearest frame to y (m, q), of full rank, to TOLERANCE; with a limit of iterations as near as those lead."""
    x, small = y, TOLERANCE[y.dtype] * sqrt(y.shape[1])
    for done in range(1, MOST + 1):
        e = defect(x)
        length = torch.linalg.matrix_norm(e).item()
        if length <= small:
            return x
        bound = _operator_bound(e, length)
        if bound >= 1.0 and done == 1:  # too long a step to begin with: the polar factor knows no scale
            x, iterations = y / sqrt(1.0 + bound), None
            continue
        bound = min(bound, 1.0)  # from the second on no singular value is above 1
        xe = x @ e
        x = torch.add(x, xe, alpha=-0.5)
        # Now E is -3/4 E^2 + 1/4 E^3, and with the next term 5/8 E^3 - 15/64 E^4 + 9/64 E^5: known, so not computed.
        if done == iterations or (0.75 + 0.25 * bound) * bound * length <= small:
            return x
        if (0.625 + 0.5 * bound) * bound**2 * length <= small:
            return torch.addmm(x, xe, e, alpha=0.375)
    return polar(y)  # all but rank-deficient


def qr(y: Tensor) -> Tensor:
    """Q of y (m, q), with the diagonal of R positive: the Gram-Schmidt frame."""
    _require_finite(y.abs().max().item())
    q, r = torch.linalg.qr(y)
    return q * torch.where(r.diagonal() < 0.0, -1.0, 1.0)


def cayley(frame: Tensor, step: Tensor) -> Tensor:
    """X + (I - A/2)^-1 A X, in the form whose system is the smaller one."""
    m, q = frame.shape
    lifted = _lifted(frame, step)
    if 2 * q >= m:
        outer = lifted @ frame.T
        return _turned(outer - outer.T, frame)
    first, second = torch.cat([lifted, frame], 1), torch.cat([frame, -lifted], 1)  # A = first second^T
    system = torch.eye(2 * q, dtype=frame.dtype, device=frame.device).sub_(second.T @ first, alpha=0.5)
    return _solved(lambda: torch.addmm(frame, first, torch.linalg.solve(system, second.T @ frame)), system)


def block_cayley(frame: Tensor, step: Tensor, block: int, permutation: Tensor | None = None) -> Tensor:
    """Cayley of the diagonal blocks of A, each of `block` rows in the order of the permutation; the last may be smaller."""
    m, q = frame.shape
    rows = torch.arange(m, device=frame.device) if permutation is None else permutation.to(frame.device)
    full = m // block * block
    moved, lifted = torch.empty_like(frame), _lifted(frame, step)
    for chosen in (rows[:full].view(-1, block), rows[None, full:]):
        if chosen.numel():
            x = frame[chosen]
            outer = lifted[chosen] @ x.mT
            moved[chosen.flatten()] = _turned(outer - outer.mT, x).view(-1, q)
    return moved


def tightened(frame: Tensor) -> Tensor:
    """The frame itself where it is orthonormal to TOLERANCE, else the nearest one that is."""
    return newton_schulz(frame)


def _operator_bound(e: Tensor, length: float) -> float:
    """A number that |E|_2, the largest |s^2 - 1|, is not above: the least of |E|_F, |E|_inf and, where those tell nothing,
    |E^2|_F^1/2."""
    bound = min(length, torch.linalg.matrix_norm(e, torch.inf).item())
    _require_finite(bound)
    return bound if bound < 1.0 else min(bound, sqrt(torch.linalg.matrix_norm(e @ e).item()))


def _lifted(frame: Tensor, step: Tensor) -> Tensor:
    """P D; where X is square, D / 2 gives the same A."""
    if frame.shape[0] == frame.shape[1]:
        return step * 0.5
    return torch.addmm(step, frame, frame.T @ step, alpha=-0.5)


def _turned(skew: Tensor, x: Tensor) -> Tensor:
    """(I - A/2)^-1 (I + A/2) x for one or a batch of A (b, b) and x (b, q)."""
    system = skew * -0.5
    system.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return _solved(lambda: x + torch.linalg.solve(system, skew) @ x, system)


def _solved(solution: Callable[[], Tensor], system: Tensor) -> Tensor:
    _require_finite(system.abs().max().item())
    return solution()


def _require_finite(size: float) -> None:
    if not isfinite(size):
        raise TrainingError("a step of a frame is not finite: lower the learning rate.")
