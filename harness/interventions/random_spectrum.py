"""The control of an exchanged spectrum: singular values that move as far as the arm's did, in a random direction.

    r = |sigma(W) - sigma(W0)|_2,   e Gaussian
    unsorted   S + e,  |e|_2 = r                         each value stays with its pair of directions, and some change places
    sorted     S' = sort |S + t e|,  |S' - S|_2 = r      none changes places, and paired by rank they move by r

In the tuned frames (S = sigma(W)) it asks what restoring the base's spectrum costs beyond moving values at all; in the base's
frames (S = sigma(W0)), what the tuned spectrum brings there beyond noise.
Source: the control of I3 in the sheet's 2.5, H19.
Trap: unsorted, sorting hides a part of the shift: |sigma(result) - S|_2 < r where r is more than the gaps, though the matrix
moves by r in both forms.
"""

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.interventions.intervened import each
from harness.interventions.spectrum import frame_sum, tuned_frame
from harness.nulls.surrogate import gaussian
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame

FRAMES = ("tuned", "base")
HALVINGS = 60


def random_spectrum(change: Changed, generator: torch.Generator, frames: str = "tuned", sort: bool = True) -> Change:
    """The change with random singular values at the distance that the arm's own moved.

    Args:
        change: read at its end; the result has no trajectory.
        generator: CPU generator; one draw of q numbers per matrix, by sorted name, whatever the form.
        frames: "tuned" (values drawn about the tuned spectrum) or "base" (about the base's).
        sort: whether the values are sorted before they are put in the frames.

    Raises:
        MeasureError: other frames are named.
    """
    if frames not in FRAMES:
        raise MeasureError(f"unknown frames {frames!r} of a random spectrum: use 'tuned' or 'base'.")

    def new(w0: Tensor, d: Tensor) -> Tensor:
        tuned, base = tuned_frame(w0, d), Frame.of(w0)
        distance = torch.linalg.vector_norm(tuned.S - base.S).item()
        here = tuned if frames == "tuned" else base
        shift = random_shift(here.S, distance, generator, sort)
        return frame_sum(here, shift) + (d if frames == "tuned" else 0.0)

    return each(change.change(), new, f"random spectrum in the {frames} frames")


def random_shift(values: Tensor, distance: float, generator: torch.Generator, sort: bool = True) -> Tensor:
    """What to add to singular values so that they move by a distance.

    Args:
        values: (q,) fp64, largest first, not negative.
        distance: of the shift, at least 0.
        generator: CPU generator.
        sort: see the top.

    Returns:
        (q,) fp64 of norm `distance`; values plus it are largest first and not negative where `sort` is set.
    """
    direction = gaussian(values.shape, generator).to(values.device)
    direction /= torch.linalg.vector_norm(direction)
    if not sort:
        return direction * distance

    def sorted_shift(t: float) -> Tensor:
        return (values + t * direction).abs().sort(descending=True).values - values

    # Sorting shortens the shift, so `distance` is a lower bound of t.
    low = high = distance
    while torch.linalg.vector_norm(sorted_shift(high)).item() < distance:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = torch.linalg.vector_norm(sorted_shift(middle)).item() < distance
        low, high = (middle, high) if below else (low, middle)
    return sorted_shift(high)
