"""How far an update turns the leading subspace of its base.

    angle = largest principal angle between U_k(W0) and U_k(W0 + D)   (V_k on the right), at a gapped k

Source: arXiv 2511.08567, Sec. 4.1 (k unstated; 2606.07082 uses 512). k is the best gap within a factor of 2 of the asked
one (harness.spectra.gaps), read from W0.
Trap: storage turns it too. `rotation_floor` is the angle of isotropic noise as large as the error of storing W0:

    |E|_F^2 = sum of ulp(W0_ij)^2 / 12        (rounding is uniform within half a step)

which is what a round trip through bf16 does to a base off the grid, and what storing the tuned weights adds on it. An angle
at or below its floor is not an observation about training. At 576 x 576 and relative size 1e-3, noise itself reads less than
its floor: 6e-3 against 9e-3 rad.
"""

from math import sin
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame, leading
from harness.spectra.gaps import gapped_k, relative_gap
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.precision import rounding_norm
from harness.spectra.principal_angles import principal_angles

Side = Literal["left", "right", "both"]


class Rotation(NamedTuple):
    """One number per matrix each.

    Attributes:
        angle: largest principal angle, radians in [0, pi/2]; for "both" the larger of the two sides.
        gap: sigma_k / sigma_(k+1) of the base, 1 or more.
        k: where the spectrum was cut.
    """

    angle: PerMatrix
    gap: PerMatrix
    k: PerMatrix

    @property
    def sine(self) -> PerMatrix:
        """sin of the angle, as the perturbation theorems speak of it."""
        return PerMatrix({name: sin(angle) for name, angle in self.angle.items()}, self.angle.sizes)


def rotation(
    change: Changed, side: Side = "both", k: int | None = None, fraction: float = 1 / 8, gapped: bool = True
) -> Rotation:
    """The rotation of the leading subspace of each matrix.

    Args:
        change: the update to read; a zero update turns nothing.
        side: "left" (U), "right" (V) or "both".
        k: leading directions asked for; if None, `fraction` of min(m, n), at least 1.
        fraction: in (0, 1].
        gapped: cut at the best gap near k; False cuts at k itself, however small its gap.

    Raises:
        MeasureError: an unknown side, or k larger than a matrix.
    """
    if side not in ("left", "right", "both"):
        raise MeasureError(f"unknown side {side!r}: use 'left', 'right' or 'both'.")
    change = change.change()
    angles, gaps, cuts = {}, {}, {}
    for name, w0 in change.base.items():
        before = Frame.of(w0)
        cut = gapped_k(before.S, k, fraction) if gapped else leading(len(before.S), k, fraction)
        after = Frame.of(w0.double() + change.update[name])
        pairs = {"left": (before.U, after.U), "right": (before.V, after.V)}
        read = pairs.values() if side == "both" else [pairs[side]]
        angles[name] = max(principal_angles(a[:, :cut], b[:, :cut])[-1].item() for a, b in read)
        gaps[name], cuts[name] = relative_gap(before.S, cut), cut
    return Rotation(*(change.per_matrix(values) for values in (angles, gaps, cuts)))


def rotation_floor(
    change: Changed,
    generator: torch.Generator,
    side: Side = "both",
    k: int | None = None,
    fraction: float = 1 / 8,
    gapped: bool = True,
    dtype: str | torch.dtype = "bf16",
) -> Rotation:
    """The rotation that storing the base's weights would give, at the same k: one draw of noise, see above.

    Args:
        change: whose base to read; its update plays no part.
        generator: CPU generator; matrices draw in the order of their sorted names.
        side, k, fraction, gapped: as in `rotation`.
        dtype: storage format.
    """
    base = change.change().base
    noise = {name: rounding_noise(base[name], generator, dtype) for name in sorted(base)}
    return rotation(Change({name: base[name] for name in noise}, noise, label="rounding noise"), side, k, fraction, gapped)


def rounding_noise(base: Tensor, generator: torch.Generator, dtype: str | torch.dtype = "bf16") -> Tensor:
    """Isotropic noise as large as the error of storing a matrix, (m, n) fp64."""
    size = rounding_norm(base, dtype)
    noise = torch.randn(base.shape, generator=generator).double()
    return noise * (size / torch.linalg.vector_norm(noise))
