"""Allocations of one budget, by the name of what chose them, and what they cost a model of the bench in its text.

    threshold   WeLore's rule at the threshold that takes this share of all ranks
    energy      the energy rule at the same share
    random      the rule's own ratios dealt to other matrices: as uneven, in the wrong places
    uniform     every matrix the same
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import harness as h

if TYPE_CHECKING:
    from harness.compression import Allocation, Spectrum
    from harness.spectra import Change
    from torch import Generator


def allocation(
    spectra: Mapping[str, "Spectrum"], by: str, reduction: float, generator: "Generator | None" = None, budget: str = "rank"
) -> "Allocation":
    """Ranks that take `reduction` of all, as near as whole numbers allow.

    Args:
        spectra: of the weights.
        by: "threshold", "energy", "random" or "uniform"; the last two have the budget of the first.
        reduction: share of the sum of ranks.
        generator: deals the ratios where they are random.
        budget: of "random" and "uniform": "rank" or "parameters".
    """
    if by == "energy":
        return h.find_share(spectra, reduction).allocation
    rule = h.find_threshold(spectra, reduction).allocation
    if by == "threshold":
        return rule
    return h.random_allocation(rule, generator, budget) if by == "random" else h.uniform_allocation(rule, budget)


def error(spectra: Mapping[str, "Spectrum"], chosen: "Allocation") -> float:
    """sqrt(sum |W - W_r|^2 / sum |W|^2) over all matrices."""
    from harness.compression import report

    return report(spectra, chosen).total_error


def compressed_loss(arm: "Change", lm, by: str, reduction: float, generator: "Generator | None" = None) -> float:
    """Held-out loss of an arm's model with its matrices cut to their ranks; `by` "nothing" cuts none."""
    if by == "nothing":
        return lm.loss(arm)
    weights = arm.tuned()
    cut = h.truncated(weights, allocation(h.value_spectra(weights), by, reduction, generator))
    return lm.loss(replace(cut, arm=arm.arm, seed=arm.seed))
