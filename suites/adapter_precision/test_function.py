"""The merged model and the model with the adapter beside it: one function, or two?"""

import harness as h
from suites.adapter_precision.cycles import adapters
from suites.adapter_precision.function import lost_by_merging
from suites.adapter_precision.paper import MERGING, PAPER, RELATIVE


@PAPER.claim(
    "merged-bf16-is-another-function",
    says="At the size of a published RLVR update, merging into bf16 changes over a tenth of the adapter's effect on the logits",
    source="sheet rlvr, 4c and N_rank; a bf16 weight moves by steps of 2^-8 to 2^-7 of itself, the update is 2^-10 of it",
    metric="|merged - beside| / |beside - base|, logits of 32 demonstrations, fp32 arithmetic",
    bound=h.above(0.1),
    null=(h.variant(dtype="fp32"), h.variant(size=0.1)),
    plant=h.variant(size=1e-4),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_merged_bf16_is_another_function(rlvr, models, dtype="bf16", size=RELATIVE):
    """One null merges in fp32, the other a hundred times as much: then rounding is a detail."""
    return lost_by_merging(models.base(rlvr), rlvr, adapters(rlvr, size), dtype)


@PAPER.claim(
    "merged-fp16-is-nearly-the-same",
    says="At that size merging into fp16 changes under half as much of the effect as merging into bf16",
    source="2510.26788: bf16's rounding is the mismatch, fp16 has three more bits: the update is two to four of its half steps",
    metric="the same share, fp16 over bf16",
    bound=h.below(0.5),
    null=h.variant(one="bf16"),
    plant=h.variant(one="fp32"),
    expect={"tiny": "supported"},
    family=MERGING,
)
def test_merged_fp16_is_nearly_the_same(rlvr, models, one="fp16"):
    given = adapters(rlvr, RELATIVE)
    base = models.base(rlvr)
    return lost_by_merging(base, rlvr, given, one) / lost_by_merging(base, rlvr, given, "bf16")
