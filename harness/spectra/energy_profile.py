"""Where along the singular spectrum of its base an update's energy lies, relative to chance.

    left      sum over i in a bin of |u_i^T D|^2 / |D|_F^2     over  c / m
    right     sum over i in a bin of |D v_i|^2 / |D|_F^2       over  c / n
    diagonal  sum over i in a bin of (u_i^T D v_i)^2 / |D|_F^2 over  c / (mn)      c directions in the bin

1 in every bin for isotropic noise. The diagonal is the part that moves singular values, so its mean over bins is kappa to first
order.
Source: the picture behind "off the principals" (arXiv 2511.08567, Sec. 4), resolved by index instead of cut at one k.
Trap: single directions have a gauge where singular values are close: read bins of several. On a matrix that is not square
part of the energy lies outside the frame on the longer side, and the bins of that side sum to less than all of it.
"""

from typing import Literal

from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.frame import Frame
from harness.spectra.per_matrix import PerMatrix

Side = Literal["left", "right", "diagonal"]


def energy_profile(change: Changed, side: Side = "left", bins: int = 8) -> tuple[PerMatrix, ...]:
    """Energy over chance in each of `bins` runs of singular directions, the leading one first.

    Args:
        change: the update to read.
        side: "left", "right" or "diagonal".
        bins: 1..min(m, n); as equal as they come, the first ones longer.

    Raises:
        MeasureError: an unknown side, more bins than a matrix has directions, or a zero update.
    """
    if side not in ("left", "right", "diagonal"):
        raise MeasureError(f"unknown side {side!r}: use 'left', 'right' or 'diagonal'.")
    change = change.change()
    norms = change.nonzero_norm("the profile of its energy")
    columns = {}
    for name, w0 in change.base.items():
        if not 1 <= bins <= min(w0.shape):
            raise MeasureError(f"{bins} bins of the {min(w0.shape)} directions of {name}: choose between 1 and {min(w0.shape)}.")
        energy = _by_index(Frame.of(w0), change.update[name], side) / norms[name] ** 2
        chance = {"left": 1 / w0.shape[0], "right": 1 / w0.shape[1], "diagonal": 1 / w0.numel()}[side]
        columns[name] = [part.mean().item() / chance for part in energy.tensor_split(bins)]
    return tuple(change.per_matrix({name: column[i] for name, column in columns.items()}) for i in range(bins))


def _by_index(frame: Frame, update: Tensor, side: str) -> Tensor:
    if side == "left":
        return (frame.U.T @ update).square().sum(1)
    if side == "right":
        return (update @ frame.V).square().sum(0)
    return ((frame.U.T @ update) * frame.V.T).sum(1).square()
