"""Plant: an update wholly between the leading directions of its base, |D|_F kept.

    D = U_k Z V_k^T,  Z Gaussian;   principal_energy = 1, principal_enrichment = mn / k^2
"""

import torch

from harness.nulls.surrogate import gaussian, in_direction
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame, leading


def principal_block(
    change: Changed, generator: torch.Generator, k: int | None = None, fraction: float = 1 / 8
) -> Change:
    """Noise in the leading block, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator.
        k: leading directions; if None, `fraction` of min(m, n), as in the measures.
        fraction: in (0, 1].
    """

    def within_block(w0: torch.Tensor) -> torch.Tensor:
        size = leading(min(w0.shape), k, fraction)
        frame = Frame.of(w0)
        return frame.U[:, :size] @ gaussian(torch.Size((size, size)), generator) @ frame.V[:, :size].T

    return in_direction(change, within_block, "plant:principal_block")
