"""All singular values of a matrix, from the Gram matrix on its smaller side, in fp64.

    sigma_i = sqrt(lambda_i(W^T W)),   error of sigma_i <= 4 sqrt(q) eps sigma_1^2 / sigma_i,   eps = 2^-52, q = min(m, n)

Rounding in the Gram matrix moves its eigenvalues by a few sqrt(q) eps sigma_1^2, whatever their size; the square root
divides by 2 sigma_i. Measured against svdvals (64^2 to 1536 x 576, condition 1 to 9e5) the error was at most
0.8 sqrt(q) eps sigma_1^2 / sigma_i. Cost on 1536 x 576: 50 CPU-ms against 80 of svdvals.
Trap: squaring loses the tail, so a matrix whose condition exceeds 1e5 is handed to svdvals (error q eps sigma_1).
"""

from math import sqrt
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from harness.spectra.change import Change
from harness.spectra.content_cache import SHARED
from harness.spectra.frame import DIRECT_LIMIT

EPS = torch.finfo(torch.float64).eps
GRAM_CONDITION = 1e5


def singular_values(matrix: Tensor) -> Tensor:
    """Singular values, largest first.

    Args:
        matrix: (m, n), any floating dtype, finite; upcast to fp64.

    Returns:
        (min(m, n),) fp64.
    """
    wide = matrix.double()
    gram = wide.T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.T
    values = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0.0).sqrt()
    if values[-1] * GRAM_CONDITION > values[0]:
        return values
    return torch.linalg.svdvals(wide)


def rounding_error(values: Tensor) -> Tensor:
    """Bound on the error of each of `singular_values`.

    Args:
        values: (q,), largest first.

    Returns:
        (q,) fp64: 4 sqrt(q) eps sigma_1^2 / sigma_i, or q eps sigma_1 where svdvals was used.
    """
    top = values[0]
    if values[-1] * GRAM_CONDITION > top:
        return 4 * sqrt(len(values)) * EPS * top.square() / values
    return torch.full_like(values, len(values) * EPS * top.item())


def gram_error(values: Tensor, direct_limit: int = DIRECT_LIMIT) -> Tensor:
    """Bound on the error of each singular value that comes with vectors, (q,) fp64: LAPACK's SVD up to the limit, else Gram.

    Args:
        values: (q,), largest first.
        direct_limit: smaller side up to which the SVD was taken.
    """
    q, top = len(values), values[0]
    if q <= direct_limit:
        return torch.full_like(values, q * EPS * top.item())
    squares = 8 * sqrt(q) * EPS * top.square()
    return torch.minimum(squares / (2 * values), squares.sqrt())


class SpectralShift(NamedTuple):
    """Singular values, largest first, (q,) fp64 each: of W0, of W0 + D, and their difference."""

    before: Tensor
    after: Tensor

    @property
    def delta(self) -> Tensor:
        """sigma(W0 + D) - sigma(W0), paired by rank."""
        return self.after - self.before


_SHIFTS: WeakKeyDictionary[Change, dict[str, SpectralShift]] = WeakKeyDictionary()
_OF_UPDATES: WeakKeyDictionary[Change, dict[str, Tensor]] = WeakKeyDictionary()


def spectral_shifts(change: Change) -> dict[str, SpectralShift]:
    """The spectral shift of every matrix; computed once per Change, the base's once per content."""
    if change not in _SHIFTS:
        _SHIFTS[change] = {
            name: SpectralShift(_of_base(w0), singular_values(w0.double() + change.update[name]))
            for name, w0 in change.base.items()
        }
    return _SHIFTS[change]


def update_values(change: Change) -> dict[str, Tensor]:
    """The singular values of every update, (q,) fp64 largest first; computed once per Change."""
    if change not in _OF_UPDATES:
        _OF_UPDATES[change] = {name: singular_values(d) for name, d in change.update.items()}
    return _OF_UPDATES[change]


def _of_base(matrix: Tensor) -> Tensor:
    return SHARED.get(matrix, "singular_values", lambda: singular_values(matrix), size=lambda values: values.nbytes)
