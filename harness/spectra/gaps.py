"""Where a spectrum may be cut: the index near the asked one behind which the singular values fall most.

    k* = argmax of sigma_j / sigma_(j+1)  over  k/2 <= j <= 2k,  j < q

A leading subspace is defined as well as its gap. In the bulk of a real spectrum sigma_k / sigma_(k+1) is 1.01 (k = 16) to
1.0009 (k = 128): there an update of relative size 1e-3 mixes neighbours at will, and the angle says nothing of it.
Trap: k decides the verdict (53, 1.0 and 1.5 degrees at k = 16, 64, 128 of one pair), so k* is read from the base alone,
before any update is looked at, and stands beside the angle.
"""

from torch import Tensor

from harness.spectra.frame import leading


def gapped_k(values: Tensor, k: int | None = None, fraction: float = 1 / 8) -> int:
    """The index with the largest relative gap within a factor of 2 of the asked one; the smallest of several.

    Args:
        values: (q,) singular values, largest first.
        k: leading directions asked for; if None, `fraction` of q, at least 1.
        fraction: in (0, 1]; used where k is None.

    Returns:
        k* in 1..q-1, or 1 where q = 1. A cut before a zero counts as an infinite gap.

    Raises:
        MeasureError: k outside 1..q, or fraction outside (0, 1].
    """
    q = len(values)
    asked = leading(q, k, fraction)
    last = max(1, min(2 * asked, q - 1))
    first = min((asked + 1) // 2, last)
    if q == 1:
        return 1
    ratios = values[first - 1 : last] / values[first : last + 1]
    # Beyond the rank 0 / 0 is no gap.
    return first + int(ratios.nan_to_num(nan=0.0, posinf=float("inf")).argmax())


def relative_gap(values: Tensor, k: int) -> float:
    """sigma_k / sigma_(k+1); inf at k = q and before a zero."""
    if k >= len(values) or values[k] == 0.0:
        return float("inf")
    return (values[k - 1] / values[k]).item()
