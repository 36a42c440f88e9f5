"""Plant: noise that avoids the leading directions of its base on both sides, |D|_F kept.

    D = (I - U_k U_k^T) Z (I - V_k V_k^T),  Z Gaussian;   principal_energy = 0 to (1e-15 |Z|_F / |D|_F)^2

"Off the principals" by construction: the claim of arXiv 2511.08567 must be found here.
"""

import torch

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame, leading


def off_principal(
    change: Changed, generator: torch.Generator, k: int | None = None, fraction: float = 1 / 8
) -> Change:
    """Noise outside the leading directions, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        k: leading directions; if None, `fraction` of min(m, n), as in the measures.
        fraction: in (0, 1].
    """

    def avoiding(w0: torch.Tensor) -> torch.Tensor:
        size = leading(min(w0.shape), k, fraction)
        frame = Frame.of(w0)
        u, v = frame.U[:, :size], frame.V[:, :size]
        noise = gaussian(w0.shape, generator)
        noise -= u @ (u.T @ noise)
        return noise - (noise @ v) @ v.T

    return in_direction(change, avoiding, "plant:off_principal")
