"""Principal angles between two column spaces.

    theta_i = arcsin of the singular values of (I - A A^T) B,   A, B orthonormal, B the narrower
    (arccos of those of A^T B above pi/4, where the sine is flat)

Source: Bjorck & Golub 1973; Knyazev & Argentati 2002.
Trap: in fp32 the arccos form reads 8.5e-4 rad between identical spaces and up to .09 degrees between those of a small
update, above the true angle; the sine form in fp64 is good to 1e-15.
"""

from math import sqrt

import torch
from torch import Tensor

from harness.errors import MeasureError

EPS = torch.finfo(torch.float64).eps


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """Angles between span(a) and span(b), largest last.

    Args:
        a: (m, k), k <= m, full column rank; need not be orthonormal. Any floating dtype, upcast to fp64.
        b: (m, l), same m and device.

    Returns:
        (min(k, l),) fp64, radians in [0, pi/2].

    Raises:
        MeasureError: m differs, a rank is deficient, or an entry is not finite.
    """
    if a.shape[0] != b.shape[0]:
        raise MeasureError(f"bases of length {a.shape[0]} and {b.shape[0]} span no common space: their angles are undefined.")
    narrow, wide = sorted((orthonormal(a), orthonormal(b)), key=lambda basis: basis.shape[1])
    inner = wide.T @ narrow
    cosines = torch.linalg.svdvals(inner).clamp(max=1.0)
    sines = torch.linalg.svdvals(narrow - wide @ inner).flip(0).clamp(max=1.0)
    return torch.where(sines < sqrt(0.5), sines.asin(), cosines.acos())


def orthonormal(basis: Tensor) -> Tensor:
    """An orthonormal basis of the column space, (m, k) fp64.

    Raises:
        MeasureError: the columns are dependent, or an entry is not finite.
    """
    if not basis.isfinite().all():
        raise MeasureError("a basis holds entries that are not finite: its space is undefined.")
    if basis.shape[1] > basis.shape[0]:
        raise MeasureError(f"{basis.shape[1]} columns of length {basis.shape[0]} are dependent: drop columns.")
    q, r = torch.linalg.qr(basis.double())
    lengths = torch.linalg.vector_norm(basis.double(), dim=0)
    # What a column adds to the ones before it, against its own length: rounding alone leaves m eps of it.
    if (r.diagonal().abs() <= basis.shape[0] * EPS * lengths).any():
        raise MeasureError(f"the {basis.shape[1]} columns of a basis are dependent: drop those that add nothing.")
    return q
