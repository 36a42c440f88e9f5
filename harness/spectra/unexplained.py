"""How much of an update a family of matrices around the base leaves unexplained.

    u_h = |W - W^_h|_F / |D|_F,   W^_h the point of the family nearest to W = W0 + D
    remix    {W0 + U_k M V_k^T}       W^ = W0 + P_U D P_V (at full k: P_U W P_V)     noise: sqrt(1 - k^2/(mn))
    left     {W0 + U_k M}             W^ = W0 + P_U D                                noise: sqrt(1 - k/m)
    right    {W0 + M V_k^T}           W^ = W0 + D P_V                                noise: sqrt(1 - k/n)
    iso      {P S0 Q^T}               W^ = U_W S0 V_W^T, so u = rho_Sigma            noise: 1/sqrt(max(m, n))

The nulls are of isotropic D: exact in the mean of u^2 for the first three; for iso to first order in |D|. By default k = q =
min(m, n), all directions: then remix, left and right leave nothing of any D on a square matrix, and see it elsewhere only where
it leaves the base's row or column space, sqrt(1 - q / max(m, n)) of noise (remix, and left where m > n, right where m < n).
Source: arXiv 2607.19331 (medians .87, .45, .42, .018 as quoted; their k is not known); nulls derived, the sheet's 2.2.
Trap: u of iso near 0 is what noise does, for 1/sqrt(max(m, n)) is small: compare with the null, not with 0.
Trap: the nulls depend on the shape, so a median over matrices depends on the mix of shapes: report by shape (`by_shape`).
"""

from math import sqrt

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.frame import Frame, leading
from harness.spectra.per_matrix import PerMatrix

FAMILIES = ("remix", "left", "right", "iso")


def explained(w0: Tensor, d: Tensor, family: str, k: int | None = None, fraction: float = 1.0) -> Tensor:
    """The part of an update within a family: W^_h - W0.

    Args:
        w0: (m, n), any floating dtype.
        d: (m, n).
        family: one of FAMILIES.
        k: leading directions; if None, `fraction` of min(m, n). "iso" has none to choose.
        fraction: in (0, 1].

    Returns:
        (m, n) fp64.

    Raises:
        MeasureError: an unknown family, k or fraction out of range, or given for "iso".
    """
    size = _directions(min(w0.shape), family, k, fraction)
    frame, d = Frame.of(w0), d.double()
    if family == "iso":
        tuned = Frame.of(w0.double() + d)
        return d + (tuned.U * (frame.S - tuned.S)) @ tuned.V.T
    u, v = frame.U[:, :size], frame.V[:, :size]
    if family != "right":
        d = u @ (u.T @ d)
    return d if family == "left" else (d @ v) @ v.T


def unexplained_ratio(change: Changed, family: str, k: int | None = None, fraction: float = 1.0) -> PerMatrix:
    """u_h of each matrix, in [0, 1].

    Args:
        change: whose update is to be explained.
        family, k, fraction: as in `explained`.

    Raises:
        MeasureError: as `explained`; or an update is zero.
    """
    change = change.change()
    norms = change.nonzero_norm("the unexplained ratio")
    left = {
        name: torch.linalg.vector_norm(d - explained(change.base[name], d, family, k, fraction)).item()
        for name, d in change.update.items()
    }
    return change.per_matrix(left) / norms


def isotropic_unexplained(shape: tuple[int, int], family: str, k: int | None = None, fraction: float = 1.0) -> float:
    """The ratio of isotropic noise on a matrix of this shape: the root of the mean of u_h^2. Raises as `explained`."""
    m, n = shape
    size = _directions(min(m, n), family, k, fraction)
    inside = {"remix": size * size / (m * n), "left": size / m, "right": size / n, "iso": 1 - 1 / max(m, n)}[family]
    return sqrt(1 - inside)


def unexplained_excess(change: Changed, family: str, k: int | None = None, fraction: float = 1.0) -> PerMatrix:
    """u_h over that of isotropic noise, 1 for noise, of the matrices where that is not 0.

    Raises:
        MeasureError: as `unexplained_ratio`; or the family leaves nothing of any update unexplained in all matrices.
    """
    change = change.change()
    chance = {name: isotropic_unexplained(tuple(w0.shape), family, k, fraction) for name, w0 in change.base.items()}
    told = [name for name, value in chance.items() if value > 0.0]
    if not told:
        raise MeasureError(f"the family {family!r} holds every update of these shapes: take fewer directions.")
    ratio = unexplained_ratio(change, family, k, fraction)
    return PerMatrix({name: ratio[name] / chance[name] for name in told}, {name: change.sizes[name] for name in told})


def _directions(q: int, family: str, k: int | None, fraction: float) -> int:
    if family not in FAMILIES:
        raise MeasureError(f"unknown family {family!r}: use one of {', '.join(FAMILIES)}.")
    if family == "iso" and (k is not None or fraction != 1.0):
        raise MeasureError("the isospectral family keeps the whole spectrum: it has no directions to choose.")
    return leading(q, k, fraction)
