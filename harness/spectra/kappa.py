"""Spectrum-changing energy of an update, against what isotropic noise gives.

    rho   = |sigma(W0 + D) - sigma(W0)|_2 / |D|_F         in [0, 1] (Mirsky)
    kappa = max(m, n) rho^2                               1 for isotropic noise, max(m, n) for weight decay

Of the mn directions of an update, q = min(m, n) move singular values; noise puts the share q / (mn) = 1 / max(m, n) there.
Source: arXiv 2607.19331 (ISO), kappa_spec = (mn / q) rho^2; the formula is derived from its quoted numbers.
Trap: rho alone depends on the shape: noise reads 12.5 % at width 64 and 1.6 % at 4096. Compare kappa. Its spread over
noise is sqrt(2 / q) per matrix.
"""

import torch

from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import spectral_shifts


def spectral_drift_ratio(change: Changed) -> PerMatrix:
    """rho of each matrix, dimensionless.

    Raises:
        MeasureError: an update is zero.
    """
    change = change.change()
    norms = change.nonzero_norm("the ratio of spectral drift to its norm")
    drift = {name: torch.linalg.vector_norm(s.delta).item() for name, s in spectral_shifts(change).items()}
    return change.per_matrix(drift) / norms


def kappa(change: Changed) -> PerMatrix:
    """kappa of each matrix, dimensionless.

    Raises:
        MeasureError: an update is zero.
    """
    change = change.change()
    return spectral_drift_ratio(change) ** 2 * {name: max(w0.shape) for name, w0 in change.base.items()}
