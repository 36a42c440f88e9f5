"""An update in the frame of its base, for large matrices: C in fp32, with its rounding error measured.

    C = U^T D V,    rounding = 4 sqrt(mean over 16 Gaussian z of |C z - U^T D V z|^2) >= |C - U^T D V|_F,    z in fp64

Two products in fp32 cost half of those in fp64 (Frame.read). Their error is some 4e-7 |D|_F, and it is D's, not W's: singular
values of W0 + D that are read from S and C keep fp64's sight of a small D. The bound on the error asks nothing of C (TF32, a
lost chunk, a wrong product would show) and fails with a probability of at most 6e-8 over z, that of chi-square with 16 degrees
of freedom below 1.
Trap: fp32 of W0 + D itself loses 6e-8 |W0|, which at a relative size of 1e-3 is 6e-5 |D|, before anything is computed.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.frame import Frame
from harness.spectra.operator_norm import operator_norm_bound
from harness.spectra.products import full_fp32, times

PROBES = 16
SAFETY = 4.0
# Of an update that is cast to fp32, relative to its Frobenius norm.
CAST = 2.0**-24


class Coordinates(NamedTuple):
    """An update in a frame.

    Attributes:
        C: U^T D V, (q, q) fp32.
        image: what of D lies outside the frame is read from it. D V (m, q) where m > n, D^T U (n, q) where m < n, fp32; None
            where m = n, and nothing lies outside.
        wide: m < n.
        rounding: bound on |C - U^T D V|_F, that of the image added in squares.
        norm: bound on |D|_2, at most 1.155 times too large.
    """

    C: Tensor
    image: Tensor | None
    wide: bool
    rounding: float
    norm: float

    @classmethod
    def of(cls, frame: Frame, update: Tensor, seed: int = 0) -> Coordinates:
        """The coordinates of an update (m, n), any floating dtype, on the frame's device.

        Args:
            frame: of the base.
            update: W - W0, subtracted after upcasting.
            seed: of the probes and of the norm's start vector.

        Raises:
            MeasureError: the shapes differ, or an entry of the update is not finite in fp32.
        """
        check_update(frame, update)
        (m, n), narrow = update.shape, update.float()
        tall, left, right = (narrow, frame.U, frame.V) if m >= n else (narrow.T, frame.V, frame.U)
        with full_fp32(narrow.device):
            image = tall @ right.float()
            c = left.float().T @ image
        image = None if m == n else image
        lost = _rounding(left, update if m >= n else update.T, right, c, image, seed)
        norm = operator_norm_bound(narrow, seed) + CAST * torch.linalg.vector_norm(narrow).item()
        return cls(c if m >= n else c.T, image, m < n, lost, norm)


def check_update(frame: Frame, update: Tensor) -> None:
    """That an update (m, n) is one of the frame's base.

    Raises:
        MeasureError: the shapes differ, or an entry is not finite in fp32.
    """
    m, n = frame.U.shape[0], frame.V.shape[0]
    if update.shape != (m, n):
        raise MeasureError(
            f"an update of shape {tuple(update.shape)} does not fit the frame of a {m} x {n} matrix: pair it with its own base."
        )
    if not torch.stack(update.aminmax()).float().isfinite().all():
        raise MeasureError("an update holds entries that are not finite in fp32: it has no coordinates.")


def _rounding(left: Tensor, update: Tensor, right: Tensor, c: Tensor, image: Tensor | None, seed: int) -> float:
    draw = torch.randn(c.shape[1], PROBES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    z = draw.to(right.device)
    truth = times(update, right @ z)
    missed = torch.linalg.vector_norm(left.T @ truth - times(c, z)).item()
    outside = 0.0 if image is None else torch.linalg.vector_norm(truth - times(image, z)).item()
    return SAFETY * hypot(missed, outside) / sqrt(PROBES)
