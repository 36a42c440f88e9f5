"""How much room the perturbation theorems leave: they hold for any update, so their slack is never negative.

    Weyl      |d sigma_i| <= |D|_2                                   slack: min over i of 1 - |d sigma_i| / |D|_2
    Mirsky    |d sigma|_2 <= |D|_F                                   slack: 1 - |d sigma|_2^2 / |D|_F^2
    Ky Fan    | |W|_(k) - |W0|_(k) | <= |D|_(k) <= k |D|_2           slack: min over k of 1 - left / |D|_(k)

d sigma = sigma(W0 + D) - sigma(W0), paired by rank; |.|_(k) is the sum of the k largest singular values.
Source: Weyl 1912, Fan 1951, Mirsky 1960; arXiv 2511.08567, Cor. 3.4 and 3.5 (which states Ky Fan with k |D|_2).
Trap: none of them tells principal from off-principal directions. A slack below 0 is a bug, not a finding. Equality is
met (D = c W0 meets all of them), so the rounding error of the singular values is granted on top: a slack of 0 or more
means "holds to fp64 rounding". At 576 x 576, condition 1e3 and |D|_2 = 1e-3 |W0|_2 the grant is 4e-8 of |D|_2.
"""

import torch
from torch import Tensor

from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import SpectralShift, rounding_error, spectral_shifts, update_values


def weyl_slack(change: Changed) -> PerMatrix:
    """Smallest Weyl slack of each matrix, relative, at most 1 plus rounding.

    Raises:
        MeasureError: an update is zero.
    """
    return _each(change, weyl)


def mirsky_slack(change: Changed) -> PerMatrix:
    """Mirsky slack of each matrix, relative, at most 1 plus rounding.

    Raises:
        MeasureError: an update is zero.
    """
    return _each(change, mirsky)


def ky_fan_slack(change: Changed) -> PerMatrix:
    """Smallest Ky Fan slack of each matrix over k = 1..q, relative, at most 1 plus rounding.

    Raises:
        MeasureError: an update is zero.
    """
    return _each(change, ky_fan)


def weyl(shift: SpectralShift, update: Tensor) -> float:
    """Weyl slack, from the spectra and the singular values of the update, (q,) fp64."""
    granted = _granted(shift, update)
    return (1 - (shift.delta.abs() - granted) / update[0]).min().item()


def mirsky(shift: SpectralShift, update: Tensor) -> float:
    """Mirsky slack, from the spectra and the singular values of the update, (q,) fp64."""
    drift = torch.linalg.vector_norm(shift.delta) - torch.linalg.vector_norm(_granted(shift, update))
    return (1 - (drift.clamp(min=0.0) / torch.linalg.vector_norm(update)).square()).item()


def ky_fan(shift: SpectralShift, update: Tensor) -> float:
    """Smallest Ky Fan slack, from the spectra and the singular values of the update, (q,) fp64."""
    drift = shift.delta.cumsum(0).abs() - _granted(shift, update).cumsum(0)
    return (1 - drift / update.cumsum(0)).min().item()


def _granted(shift: SpectralShift, update: Tensor) -> Tensor:
    return rounding_error(shift.before) + rounding_error(shift.after) + rounding_error(update)


def _each(change: Changed, slack) -> PerMatrix:
    change = change.change()
    change.nonzero_norm("the slack of a perturbation bound")
    own = update_values(change)
    return change.per_matrix({name: slack(shift, own[name]) for name, shift in spectral_shifts(change).items()})
