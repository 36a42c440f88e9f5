"""The agreement of two runs' change masks if both were noise: the null of every cross-run footprint.

    jaccard of cast(W0 + Z_a) != cast(W0) and cast(W0 + Z_b) != cast(W0),   |Z| = |D| per matrix, Z_a, Z_b independent

Both masks are gated by the same |W0|, so they agree far beyond pq / (p + q - pq): .42 against .04 at relative size 3e-4.
Source: arXiv 2511.08567, Table 2 lies inside the range of this null.
"""

import torch

from harness.nulls.isotropic import isotropic
from harness.spectra.change import Changed
from harness.spectra.mask_agreement import jaccard
from harness.spectra.per_matrix import PerMatrix


def gated_jaccard(a: Changed, b: Changed, generator: torch.Generator, dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Jaccard index of two independent noises with the norms of these changes, one draw.

    Args:
        a, b: changes of the same matrices, each on its own base.
        generator: CPU generator; draws for a, then for b.
        dtype: storage format.

    Raises:
        MeasureError: other matrices, or noise that changes no entry of a matrix.
    """
    return jaccard(isotropic(a, generator), isotropic(b, generator), dtype)
