"""A few neighbouring singular values of W0 + D: their ranks diagonalised, all others folded in, with a bound on the error.

    H = [[0, W], [W^T, 0]] has the eigenvalues +-sigma. Split its states into a window J and the rest:
    sigma solves  lambda_k(M(lambda)) = lambda,   M(lambda) = H_J + K (lambda - H_rest)^-1 K^T,   H_rest = poles + E
    M(lambda) ~ M0 - (lambda - c) M1,   M0 = H_J + K R K^T,   M1 = K R^2 K^T,   R = (c - poles)^-1

c is the middle of the wanted values. What lies inside the window (close pairs, a rank-deficient end) is diagonalised, not
expanded. With |E|_2 <= delta and g the distance from c to the nearest pole, a root r is off by at most

    |M1|_2 [ (g / (g - x))^2 delta (g - x) / (g - x - delta)  +  x^2 / (g - x) ],   x = |r - c| + its error,  x + delta < g

The first term is what E does to the resolvent, the second the rest of the expansion in lambda. M falls with lambda, so moving
it by a matrix of norm e moves each root by e at most, and counting (H_rest has as many values above r as there are poles)
says which sigma it is.
Source: Lowdin 1951 (partitioning), Haynsworth 1968 (inertia). The states are (u +- v) / sqrt 2, coupled by (C +- C^T) / 2.
Trap: the plain second-order sum over all others fails at the first close pair, and norms alone bound nothing: at 1024 x 1024
and relative size 1e-3, |D|_2 is 64 times a typical entry of C and larger than the spacing of the values.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from harness.spectra.coordinates import Coordinates

# Rounding of the fp32 products K R K^T relative to their trace. Measured: 6 eps.
ROUNDING = 160 * 2.0**-24


class Window(NamedTuple):
    """The wanted ranks first..last-1, among the ranks start..stop-1 that are diagonalised."""

    first: int
    last: int
    start: int
    stop: int


class Couplings(NamedTuple):
    """What couples the states (u +- v) / sqrt 2 of different ranks: (C + C^T) / 2 and (C - C^T) / 2, (q, q) fp32, of the
    matrix or, where it is wide, of its transpose; and the image of an update that does not lie in the frame."""

    even: Tensor
    odd: Tensor
    image: Tensor | None

    @classmethod
    def of(cls, coordinates: Coordinates) -> "Couplings":
        c = coordinates.C.T if coordinates.wide else coordinates.C
        flipped = c.T.contiguous()
        return cls((c + flipped).div_(2), (c - flipped).div_(2), coordinates.image)

    def outside(self, ranks: slice) -> Tensor:
        """V_J^T D^T (I - U U^T) D V_J, (w, w) fp32, for the ranks J of a matrix that is not square."""
        image, inner = self.image[:, ranks], self.even[ranks] - self.odd[ranks]
        return image.T @ image - inner @ inner.T


class Roots(NamedTuple):
    """Singular values and bounds on their errors, (last - first,) fp64 each; inf where nothing is known."""

    values: Tensor
    errors: Tensor


class _Effective(NamedTuple):
    """M0 - c and M1, (w, w) fp64; the distance to the nearest pole; what fp32 may have lost of them."""

    M0: Tensor
    M1: Tensor
    gap: float
    rounding: float


def window_values(s: Tensor, couplings: Couplings, window: Window, delta: float) -> Roots:
    """The singular values of the wanted ranks.

    Args:
        s: (q,) singular values of the base, largest first, fp64.
        couplings: of the update.
        window: 0 <= start <= first < last <= stop <= q.
        delta: bound on the 2-norm of the update, rounding included.
    """
    first, last, start, _ = window
    center = ((s[first] + s[last - 1]) / 2).item()
    reach = ((s[first] - s[last - 1]) / 2).item()
    effective = _fold(s, couplings, window, center)
    if effective is None or effective.gap <= delta + reach:
        return Roots(s[first:last], torch.full_like(s[first:last], torch.inf))
    factor = torch.linalg.cholesky(effective.M1 + torch.eye(len(effective.M1), dtype=s.dtype, device=s.device))
    half = torch.linalg.solve_triangular(factor, effective.M0, upper=False)
    roots = torch.linalg.eigvalsh(torch.linalg.solve_triangular(factor, half.T, upper=False)).flip(0)
    wanted = roots[first - start : last - start]
    return Roots(center + wanted, _errors(wanted.abs(), effective, delta))


def _fold(s: Tensor, couplings: Couplings, window: Window, center: float) -> _Effective | None:
    """None where a pole lies at the center."""
    inside = slice(window.start, window.stop)
    # At the lower end -sigma is as near as sigma: the window then holds both.
    both = window.stop == len(s)
    above, below = center - s, center + s
    above[inside] = torch.inf
    if both:
        below[inside] = torch.inf
    gap = min(above.abs().min().item(), below.abs().min().item(), torch.inf if couplings.image is None else abs(center))
    if gap == 0.0:
        return None
    even, odd = couplings.even[inside], couplings.odd[inside]
    m0 = s[inside].diag() + even[:, inside]
    if both:
        m0 = torch.cat([torch.cat([m0, -odd[:, inside]], 1), torch.cat([odd[:, inside], -m0], 1)])
        even, odd = torch.cat([even, odd]), torch.cat([odd, even])
    m0.diagonal().sub_(center)
    m1, trace = torch.zeros_like(m0), 0.0
    for coupling, distance in ((even, above), (odd, below)):
        scaled = coupling / distance.float()
        m0 += scaled @ coupling.T
        m1 += scaled @ scaled.T
        trace += (coupling.square().sum(0) / distance.abs()).sum().item()
    if couplings.image is not None:
        outside = couplings.outside(inside).double() / 2
        outside = torch.cat([torch.cat([outside, -outside], 1), torch.cat([-outside, outside], 1)]) if both else outside
        m0, m1 = m0 + outside / center, m1 + outside / center**2
        trace += torch.linalg.vector_norm(couplings.image[:, inside]).item() ** 2 / abs(center)
    return _Effective(m0, m1, gap, 2 * ROUNDING * trace)


def _errors(away: Tensor, effective: _Effective, delta: float) -> Tensor:
    """The bound, with the error's own part in x found by trying twice what it is without."""
    size = torch.linalg.eigvalsh(effective.M1)[-1].clamp(min=0.0)

    def bound(x: Tensor) -> Tensor:
        room = effective.gap - x
        resolvent = (effective.gap / room).square() * delta * room / (room - delta)
        return torch.where(room > delta, size * (resolvent + x.square() / room) + effective.rounding, torch.inf)

    if effective.gap == torch.inf:
        return torch.full_like(away, effective.rounding)
    tried = 2 * bound(away)
    found = bound(away + tried)
    return torch.where(found <= tried, found, torch.inf)
