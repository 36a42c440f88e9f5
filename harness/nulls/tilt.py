"""Plant: the leading subspace of the base turned by a known angle, the singular values left where they are.

    W = R W0,   R turns u_1 towards w by theta,  w a random unit vector outside the 2k leading left directions
    |D|_F = 2 sin(theta / 2) sqrt(sigma_1^2 + |W0^T w|^2)

R is orthogonal, so no singular value moves, the largest angle between U_j(W0) and U_j(W) is theta for every j in 1..2k
(whatever gap a measure cuts at), and the right subspaces stay. By default theta is what keeps |D|_F.
Trap: a rotation of a large singular direction is expensive. At equal norm noise turns a badly gapped subspace further
than this does; a claim that needs a large angle states theta and gives up the norm.
"""

from math import asin, pi, sin

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.nulls.surrogate import at_every_snapshot, gaussian, standing_in
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame, leading

LABEL = "plant:tilt"


def tilt(
    change: Changed,
    generator: torch.Generator,
    theta: float | None = None,
    side: str = "left",
    k: int | None = None,
    fraction: float = 1 / 8,
) -> Change:
    """The base with its leading directions turned on one side.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        theta: angle at the end, radians in (0, pi/2]; snapshots get it in proportion to their norm. None keeps |D|_F in
            every matrix and snapshot.
        side: "left" or "right".
        k: leading directions of the measure; if None, `fraction` of min(m, n).
        fraction: in (0, 1].

    Raises:
        MeasureError: an unknown side, theta out of range, no direction outside the 2k leading ones, a base that is zero,
            or a norm that no rotation reaches.
    """
    if side not in ("left", "right"):
        raise MeasureError(f"unknown side {side!r} of a tilt: use 'left' or 'right'.")
    if theta is not None and not 0.0 < theta <= pi / 2:
        raise MeasureError(f"an angle of {theta} between subspaces: it must lie above 0 and at most at pi/2.")
    change = change.change()
    end = change.norm()
    planes = {name: _plane(change.base[name], generator, side, k, fraction, name) for name in sorted(change.base)}

    def turned(like: Change) -> Change:
        norms = like.norm()
        update = {}
        for name, w0 in like.base.items():
            angle = _angle(w0, planes[name], side, norms[name], name) if theta is None else _share(theta, norms[name], end[name])
            update[name] = _rotated(w0, planes[name], side, angle)
        return standing_in(like, update, LABEL)

    return at_every_snapshot(change, turned)


def _plane(w0: Tensor, generator: torch.Generator, side: str, k: int | None, fraction: float, name: str) -> Tensor:
    """u_1 and w as columns, (m, 2) on the left, (n, 2) on the right."""
    frame = Frame.of(w0)
    basis = frame.U if side == "left" else frame.V
    inner = basis[:, : min(2 * leading(len(frame.S), k, fraction), len(frame.S))]
    outside = gaussian(torch.Size((len(basis),)), generator)
    # Twice: the first projection of a nearly full basis leaves rounding behind.
    for _ in range(2):
        outside -= inner @ (inner.T @ outside)
    length = torch.linalg.vector_norm(outside).item()
    if inner.shape[1] >= len(basis) or frame.S[0] == 0.0 or length == 0.0:
        raise MeasureError(f"{LABEL} has no direction in {name}: choose a smaller block, or leave this matrix out.")
    return torch.stack((basis[:, 0], outside / length), dim=1)


def _rotated(w0: Tensor, plane: Tensor, side: str, angle: float) -> Tensor:
    """(R - I) W0, or W0 (R - I)^T."""
    # 1 - cos in the form that keeps small angles.
    drop = 2 * sin(angle / 2) ** 2
    turn = torch.tensor([[-drop, -sin(angle)], [sin(angle), -drop]], dtype=torch.float64)
    wide = w0.double()
    if side == "left":
        return plane @ (turn @ (plane.T @ wide))
    return ((wide @ plane) @ turn.T) @ plane.T


def _angle(w0: Tensor, plane: Tensor, side: str, norm: float, name: str) -> float:
    wide = w0.double()
    arm = torch.linalg.vector_norm(plane.T @ wide if side == "left" else wide @ plane).item()
    if norm > 2 * sin(pi / 4) * arm:
        raise MeasureError(
            f"{LABEL} of {name} cannot have the norm {norm:.3g}: a right angle gives {2 * sin(pi / 4) * arm:.3g}; state theta."
        )
    return 2 * asin(norm / (2 * arm))


def _share(theta: float, norm: float, end: float) -> float:
    return theta * norm / end if end > 0.0 else 0.0
