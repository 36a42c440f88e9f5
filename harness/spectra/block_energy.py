"""Share of an update's energy between the leading directions of its base, on both sides.

    share      = |U_k^T D V_k|_F^2 / |D|_F^2
    enrichment = share / (k^2 / (mn))                     1 for isotropic noise

Source: two-sided rho^2_UV(k) of the public replications of arXiv 2511.08567 (its "principal" directions).
Trap: a small share is no avoidance. At 1536 x 1536 and k = 64 chance alone is 0.17 %; a norm ratio must be squared first.
The spread of the enrichment over noise is sqrt(2) / k. Without a gap at k (Frame.gap) the block is not well defined.
"""

from typing import NamedTuple

from torch import Tensor

from harness.spectra.change import Changed
from harness.spectra.difference import norm as norm_of
from harness.spectra.frame import Frame, leading
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.products import times


class EnergyShares(NamedTuple):
    """|U^T D V|_F^2, |U^T D|_F^2 and |D V|_F^2 over |D|_F^2."""

    both: float
    left: float
    right: float


def energy_shares(update: Tensor, left: Tensor, right: Tensor, norm: float) -> EnergyShares:
    """The shares of one update between given directions, from thin products alone.

    Args:
        update: (m, n) fp32.
        left, right: U (m, k), V (n, k), orthonormal.
        norm: |D|_F, not 0.
    """
    onto, images = times(update.T, left.float()), times(update, right.float())
    parts = (left.double().T @ images.double(), onto, images)
    return EnergyShares(*((norm_of(part) / norm) ** 2 for part in parts))


def principal_energy(change: Changed, k: int | None = None, fraction: float = 1 / 8) -> PerMatrix:
    """Energy share of the k x k leading block of each matrix, in [0, 1].

    Args:
        change: the update to read.
        k: number of leading directions; if None, `fraction` of min(m, n), rounded, at least 1.
        fraction: in (0, 1]; used where k is None.

    Raises:
        MeasureError: an update is zero, or k is larger than a matrix.
    """
    change = change.change()
    norms = change.nonzero_norm("the share of its energy")
    blocks = {}
    for name, w0 in change.base.items():
        block = Frame.of(w0).block(change.update[name], leading(min(w0.shape), k, fraction))
        blocks[name] = block.square().sum().item()
    return change.per_matrix(blocks) / norms**2


def principal_enrichment(change: Changed, k: int | None = None, fraction: float = 1 / 8) -> PerMatrix:
    """`principal_energy` over its chance level k^2 / (mn), in [0, mn / k^2].

    Raises:
        MeasureError: as `principal_energy`.
    """
    change = change.change()
    chance = {
        name: leading(min(w0.shape), k, fraction) ** 2 / w0.numel() for name, w0 in change.base.items()
    }
    return principal_energy(change, k, fraction) / chance
