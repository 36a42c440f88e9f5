"""Singular values of a base plus an update, from the base's frame, to second order and with a bound on their error.

    |values_i - sigma_i(W0 + D)| <= bound_i,        |values - sigma(W0 + D)|_2 <= norm_bound
    bound_i    = error of its window (at most |values_i - S_i| + |D|_2) + |dC|_F + largest error of the frame   (Weyl)
    norm_bound = |errors of the windows|_2 + |dC|_F + |errors of the frame|_2                                  (Mirsky)

dC is the measured rounding of C (harness.spectra.coordinates); a window diagonalises some ranks and folds the others in to
second order (harness.spectra.spectral_window). Windows of 16, 32, 64 ranks are tried on the densest part of the spectrum,
then on all of it. Where the bound exceeds the tolerance, the exact route is taken: Gram matrix and eigvalsh in fp64.

    noise of relative size 1e-3, as parts of |shift|_2, 1024 and 4096 square: first order is off by .07 and .09,
    this by 1.4e-4 and 5e-4, its bound says .008 and .045.   4096, CPU-s: C 3.3, windows .5; exact 6; one fp32 SVD 19

Both |dC|_F and |D|_2 are bounded with a random start, which fails with a probability of 1e-7 at most.
Source: Stewart 1990 (second order, |D|^2 over the gap), here in blocks; Weyl 1912, Mirsky 1960.
Trap: first-order shifts u_i^T D v_i are right for noise of relative size 1e-3 and wrong (correlation -.07) for a fine-tune of
2e-2 that mixes leading directions. Nothing in them says so; the bound does.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.coordinates import Coordinates, check_update
from harness.spectra.frame import DIRECT_LIMIT, Frame
from harness.spectra.singular_values import gram_error, rounding_error, singular_values
from harness.spectra.spectral_window import Couplings, Window, window_values

WIDTHS = (16, 32, 64)
# Up to this smaller side eigvalsh costs less than the two products of C (1024: .13 CPU-s each, 512: .02 against .03).
EXACT_UP_TO = 1024
# A window grows up to so many widths on a side to reach past values that are closer than the update's norm.
GROWTH = 4


class Prediction(NamedTuple):
    """Singular values of W0 + D.

    Attributes:
        values: (q,) fp64, largest first.
        bound: (q,) fp64, on the error of each.
        norm_bound: on the 2-norm of all errors; smaller than |bound|_2.
        route: how they were found.
    """

    values: Tensor
    bound: Tensor
    norm_bound: float
    route: Literal["second-order", "exact"]


def predicted_values(
    frame: Frame,
    update: Tensor,
    tolerance: float = 0.05,
    *,
    base: Tensor | None = None,
    coordinates: Coordinates | None = None,
    widths: tuple[int, ...] = WIDTHS,
    exact_up_to: int = EXACT_UP_TO,
    seed: int = 0,
) -> Prediction:
    """Singular values of W0 + D.

    Args:
        frame: full frame of W0 (m, n).
        update: D (m, n), any floating dtype, on the frame's device.
        tolerance: what the windows' part of norm_bound may be of |values - S|_2, and so the largest relative error of NSS
            and rho. 0 takes the exact route at once; inf takes the first width, and Weyl's bound where it finds nothing.
        base: W0, where it is at hand: the exact route then need not build it from the frame.
        coordinates: of this update in this frame, where they are at hand.
        widths: of the windows, in the order they are tried.
        exact_up_to: smaller side up to which the exact route, being cheaper, is taken at once; 0 for none.
        seed: of the two random starts.

    Raises:
        MeasureError: tolerance is negative or nan, the shapes differ, or an entry of the update is not finite.
    """
    if not tolerance >= 0.0:
        raise MeasureError(f"a tolerance of {tolerance} cannot be met: give 0 for the exact route, or a share such as 0.05.")
    check_update(frame, update)
    if tolerance > 0.0 and len(frame.S) > exact_up_to:
        coordinates = Coordinates.of(frame, update, seed) if coordinates is None else coordinates
        couplings = Couplings.of(coordinates)
        for width in widths:
            found = _by_windows(frame.S, coordinates, couplings, width, tolerance)
            if found is not None:
                return found
    return _exact(frame, update, base)


def _by_windows(
    s: Tensor, coordinates: Coordinates, couplings: Couplings, width: int, tolerance: float
) -> Prediction | None:
    """None where the bound exceeds the tolerance, on the densest window or on the whole."""
    delta = coordinates.norm + coordinates.rounding
    windows = _windows(s, width, delta)
    densest = min(windows, key=lambda w: (s[w.first] - s[w.last - 1]).item() / (w.last - w.first))
    values, errors = s.clone(), torch.full_like(s, torch.inf)
    for window in [densest, *(w for w in windows if w is not densest)]:
        ranks = slice(window.first, window.last)
        values[ranks], errors[ranks] = window_values(s, couplings, window, delta)
        values[ranks].clamp_(min=0.0)
        errors[ranks] = torch.minimum(errors[ranks], (values[ranks] - s[ranks]).abs() + delta)
        if window is densest and _misses(values[ranks] - s[ranks], errors[ranks], 0.0, tolerance):
            return None
    if _misses(values - s, errors, coordinates.rounding, tolerance):
        return None
    frame_error = gram_error(s, DIRECT_LIMIT)
    values, bound = _in_order(values, errors)
    norm_bound = torch.linalg.vector_norm(errors) + coordinates.rounding + torch.linalg.vector_norm(frame_error)
    return Prediction(values, bound + coordinates.rounding + frame_error.max(), norm_bound.item(), "second-order")


def _misses(shift: Tensor, errors: Tensor, rounding: float, tolerance: float) -> bool:
    allowed = tolerance * torch.linalg.vector_norm(shift) if tolerance < torch.inf else torch.inf
    return bool(torch.linalg.vector_norm(errors) + rounding > allowed)


def _windows(s: Tensor, width: int, delta: float) -> list[Window]:
    """Blocks of `width` wanted ranks, each with `width` or more on both sides, to beyond 2 delta if that is not too far."""
    falling, q, windows = -s, len(s), []
    for first in range(0, q, width):
        last = min(first + width, q)
        near = torch.searchsorted(falling, torch.stack([-s[first] - 2 * delta, -s[last - 1] + 2 * delta])).tolist()
        start = max(min(near[0], first - width), first - GROWTH * width, 0)
        stop = min(max(near[1], last + width), last + GROWTH * width, q)
        windows.append(Window(first, last, start, stop))
    return windows


def _in_order(values: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Values sorted, largest first, and a bound on each: values of two windows may overtake each other by their errors."""
    upper = (values + errors).cummin(0).values
    lower = (values - errors).flip(0).cummax(0).values.flip(0)
    ordered = values.sort(descending=True).values
    return ordered, torch.maximum(upper - ordered, ordered - lower)


def _exact(frame: Frame, update: Tensor, base: Tensor | None) -> Prediction:
    rebuilt = (frame.U * frame.S) @ frame.V.T if base is None else base.double()
    frame_error = gram_error(frame.S, DIRECT_LIMIT) if base is None else torch.zeros_like(frame.S)
    values = singular_values(rebuilt + update)
    bound = rounding_error(values)
    norm_bound = torch.linalg.vector_norm(bound) + torch.linalg.vector_norm(frame_error)
    return Prediction(values, bound + frame_error.max(), norm_bound.item(), "exact")
