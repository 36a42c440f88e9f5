"""Which rank each matrix keeps, by one global number: WeLore's threshold, and the energy rule beside it.

    threshold   s' = (s - s_min) / (s_max - s_min);   r = #{s' >= k},   one k for all matrices        WeLore 2407.11239
    energy      r = smallest r with sum_(i<=r) s_i^2 >= share |W|_F^2                                 at .9: energy-90

The reference (VITA-Group/WeLore, utils.py, adaptive_rank_pruning) prunes #{s' < k}; for LLaMA-2 it tabulates k = .175 for
half of the ranks in its fine-tuning scripts, .135 for 7B in a later reduction script: name the commit, or search k anew with
`find_threshold`.
Trap: s' is set by the two extreme values. One spike of size 10 over a Gaussian bulk whose values end at 1 pushes the whole bulk
below k, so that the rule calls a full-rank matrix low-rank; the energy rule keeps what holds energy. Read both.
Trap: the published reduction is that of the rule over all matrices; only those above `min_ratio` are then reduced (`split`), so
what is achieved is less.
Measured on SmolLM2-135M (210 matrices, dequantised): half of the ranks go at k = .238; reductions spread .43 of their mean, of
Gaussian matrices .05, and queries lose .71, values .23. Relative error .400 by threshold, .410 uniform, .45 - .46 dealt at
random, .358 by energy; at 70 % .615, .592, .63 - .64, .562: there the rule loses to the uniform. One spike leaves
layers.28.mlp.up_proj 31 of 576 ranks, where 90 % of its energy takes 374: 11 matrices keep less than half of their energy-90
rank.
Where all singular values are equal s' is 0 / 0: nothing is pruned, as in the reference (nan < k is False).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from harness.compression.allocation import Allocation
from harness.compression.spectra import Spectrum
from harness.errors import MeasureError
from harness.spectra.effective_rank import energy_rank_of

BISECTIONS = 60


class Found(NamedTuple):
    """What a search has found.

    Attributes:
        value: the threshold, or the share of energy.
        allocation: of that value.
        reduction: achieved, within the tolerance of the one asked for.
    """

    value: float
    allocation: Allocation
    reduction: float


def normalized(values: Tensor) -> Tensor:
    """s' of singular values (q,), in [0, 1]; all 1 where they are equal (up to their rounding)."""
    low, high = values.min(), values.max()
    if high - low <= len(values) * 2.3e-16 * high:
        return values.new_ones(len(values))
    return (values - low) / (high - low)


def threshold_allocation(spectra: Mapping[str, Spectrum], threshold: float) -> Allocation:
    """Ranks by WeLore's rule.

    Args:
        spectra: as of `value_spectra`.
        threshold: k in [0, 1]; 0 prunes nothing, 1 all but the largest.

    Raises:
        MeasureError: a threshold outside [0, 1].
    """
    if not 0.0 <= threshold <= 1.0:
        raise MeasureError(f"a threshold of {threshold} on values between 0 and 1: choose it there.")
    return Allocation.of({name: int((normalized(s.values) >= threshold).sum()) for name, s in spectra.items()}, spectra)


def energy_allocation(spectra: Mapping[str, Spectrum], share: float = 0.9) -> Allocation:
    """Ranks by the energy rule.

    Raises:
        MeasureError: a share outside (0, 1).
    """
    return Allocation.of({name: energy_rank_of(s.values, share) for name, s in spectra.items()}, spectra)


def find_threshold(spectra: Mapping[str, Spectrum], reduction: float, tolerance: float = 0.01) -> Found:
    """The smallest threshold, to 2^-60, that takes at least `reduction` of all ranks, by bisection.

    Args:
        spectra: as of `value_spectra`.
        reduction: of the sum of ranks, in (0, 1).
        tolerance: by how much the reduction may miss the one asked for. It moves in steps of 1 / sum q, larger where values
            coincide.

    Raises:
        MeasureError: reduction outside (0, 1), or out of reach: every matrix keeps a rank, and equal values fall together.
    """
    return _bisect(lambda k: threshold_allocation(spectra, k), 0.0, 1.0, reduction, tolerance, "threshold")


def find_share(spectra: Mapping[str, Spectrum], reduction: float, tolerance: float = 0.01) -> Found:
    """The share of energy that takes at least `reduction` of all ranks: the energy rule at that budget. As `find_threshold`."""
    edge = 2.0**-40
    found = _bisect(lambda t: energy_allocation(spectra, 1 - t), edge, 1 - edge, reduction, tolerance, "share of energy")
    return found._replace(value=1 - found.value)


def _bisect(
    rule: Callable[[float], Allocation], low: float, high: float, reduction: float, tolerance: float, what: str
) -> Found:
    """rule's reduction grows with its argument; the smallest argument that reaches it."""
    if not 0.0 < reduction < 1.0:
        raise MeasureError(f"a reduction of {reduction} of all ranks: choose it between 0 and 1.")
    best = rule(high)
    if best.total_reduction < reduction - tolerance:
        raise MeasureError(
            f"no {what} takes {reduction:.3g} of the ranks: at most {best.total_reduction:.3g}, "
            "as every matrix keeps one; ask for less."
        )
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        tried = rule(middle)
        if tried.total_reduction >= reduction:
            high, best = middle, tried
        else:
            low = middle
    if abs(best.total_reduction - reduction) > tolerance:
        raise MeasureError(
            f"no {what} takes {reduction:.3g} of the ranks: the nearest takes {best.total_reduction:.3g}, "
            f"as equal singular values fall together; allow a tolerance above {abs(best.total_reduction - reduction):.2g}."
        )
    return Found(high, best, best.total_reduction)
