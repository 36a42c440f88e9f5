"""Plant: every singular value stretched, both frames left where they are, |D|_F kept.

    D = U diag(s e) V^T,  e uniform in [0.5, 1.5];   |d sigma|_2 = |D|_F, so rho = 1 and kappa = max(m, n)

Trap: with e in any order neighbouring singular values cross, and sorting hides part of the shift. So e is sorted like
s: the larger grow more, none cross, and kappa is exact.
"""

import torch

from harness.nulls.surrogate import in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame


def scaled_spectrum(change: Changed, generator: torch.Generator) -> Change:
    """A stretched spectrum, of the same norm in every matrix and snapshot.

    Raises:
        MeasureError: a base matrix is zero.
    """

    def stretched(w0: torch.Tensor) -> torch.Tensor:
        frame = Frame.of(w0)
        stretch = torch.rand(len(frame.S), generator=generator, dtype=torch.float64).sort(descending=True).values + 0.5
        return (frame.U * (frame.S * stretch)) @ frame.V.T

    return in_direction(change, stretched, "plant:scaled_spectrum")
