"""The p of a region: the smallest alpha at which the interval lies inside it.

A segment with two ends takes two one-sided tests, each at alpha, and both must reject (TOST; Schuirmann 1987): its p is
the larger one. A region of two segments is reached through either: its p is the smaller one, doubled where the claim
is two-sided (`differs`). Refuting an equivalence uses the same 1 - 2 alpha interval as supporting it, so its error is alpha
unless the region is narrower than about two standard errors, and then at most 2 alpha.
"""

import math
from collections.abc import Sequence

from harness.claims.bounds import Segment
from harness.claims.interval import Sample


def segment_p(sample: Sample, segment: Segment) -> float:
    """p of "the true mean lies outside the segment". Without spread: 0 inside, 1 outside."""
    if sample.sd == 0.0:
        return 0.0 if segment.holds(sample.mean, sample.mean) else 1.0
    above = sample.p_above(segment.low) if math.isfinite(segment.low) else 0.0
    below = sample.p_below(segment.high) if math.isfinite(segment.high) else 0.0
    return max(above, below)


def region_p(sample: Sample, segments: Sequence[Segment], sides: int = 1) -> float:
    """p of "the true mean lies in no segment", in [0, 1]. Anytime-valid p-values are two-sided already."""
    factor = 1 if sample.anytime else sides
    return min(1.0, factor * min(segment_p(sample, segment) for segment in segments))
