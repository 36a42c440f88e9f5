"""Does training make ranks uneven where every seed has a model of its own, and not only shapes and first weights?"""

import harness as h
from suites.welore.paper import BENCH, PAPER, PUBLISHED
from suites.welore.spectra import stand_in


@PAPER.claim(
    "training-makes-reduction-uneven",
    says="After training the published threshold takes ranks from a model's matrices twice as unevenly as before it",
    source="title of v1 (low-rank weights non-uniformly emerge); sheet T15 with its control, the first checkpoint",
    metric="coefficient of variation of 1 - r/q over 14 matrices, over that of the initial weights",
    bound=h.above(2.0, on="log"),
    null=(h.variant(of="gaussian"), h.variant(of="spiked")),
    plant=h.variant(of="planted"),
    expect={"tiny": "open"},
    family=BENCH,
)
def test_training_makes_reduction_uneven(lm_adamw, rng, of="weights"):
    """The first weights are noise of these shapes. The second null has the trained weights' spikes on it."""
    seen = stand_in(h.value_spectra(lm_adamw.tuned()), of, rng)
    first = h.value_spectra(lm_adamw.base)
    return h.threshold_allocation(seen, PUBLISHED).non_uniformity / h.threshold_allocation(first, PUBLISHED).non_uniformity
