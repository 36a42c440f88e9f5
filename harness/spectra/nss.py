"""Normalized spectral shift: how far the singular values moved, against their own size.

    NSS = |sigma(W0 + D) - sigma(W0)|_2 / |sigma(W0)|_2

Source: arXiv 2511.08567, Sec. 4.1 (ISO, arXiv 2607.19331, calls it delta_Sigma).
Trap: proportional to |D|_F. Two arms compare only at equal norm, and weight decay d alone gives NSS = d.
Error: against svdvals, NSS = 4e-5 was off by a part in 2e10 at condition 1e3 and in 2e8 at 5e4 (576 x 576); NSS = 4e-7
by a part in 7e7. The bound per singular value is in singular_values.
"""

import torch

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import spectral_shifts


def normalized_spectral_shift(change: Changed) -> PerMatrix:
    """NSS of each matrix, in [0, |D|_F / |W0|_F] by Mirsky's theorem. Dimensionless; 0 for a zero update.

    Raises:
        MeasureError: a base matrix is zero.
    """
    change = change.change()
    shifts = spectral_shifts(change)
    for name, shift in shifts.items():
        if shift.before[0] == 0.0:
            raise MeasureError(f"the base of {name} is zero: a shift has no size to be compared with; leave it out.")
    return change.per_matrix(
        {
            name: (torch.linalg.vector_norm(shift.delta) / torch.linalg.vector_norm(shift.before)).item()
            for name, shift in shifts.items()
        }
    )
