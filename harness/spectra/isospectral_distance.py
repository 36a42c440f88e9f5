"""How far a matrix is from all matrices that have the singular values of its base.

    dist_F(W, F(W0)) = |sigma(W) - sigma(W0)|_2,   F(W0) = {P S0 Q^T: P, Q orthonormal},   attained by U_W S0 V_W^T

Source: Mirsky 1960 (no point of F is nearer); arXiv 2607.19331. Divided by |sigma(W0)|_2 it is `normalized_spectral_shift`, by
|D|_F `spectral_drift_ratio`, which is the unexplained ratio of the isospectral family.
Trap: 1/sqrt(max(m, n)) of |D|_F for isotropic noise: a small distance needs no reason.
"""

import torch

from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import spectral_shifts


def isospectral_distance(change: Changed) -> PerMatrix:
    """The distance of each tuned matrix from the isospectral family of its base, at most |D|_F; 0 for a zero update."""
    change = change.change()
    shifts = spectral_shifts(change)
    return change.per_matrix({name: torch.linalg.vector_norm(shift.delta).item() for name, shift in shifts.items()})
