"""Rank: what of the published full rank is rounding, and does the optimizer decide how many directions an update uses?"""

import harness as h
from suites.path_not_taken.paper import PAPER, SWEEPS


@PAPER.claim(
    "bf16-inflates-rank",
    says="Read from two bf16 checkpoints, an update of rank 8 has a matrix rank over 10 times as large",
    source="'sparse but full rank' (2505.11711) measured on bf16 deltas (H29)",
    metric="matrix rank of the bf16 difference over the true rank",
    bound=h.above(10.0, on="log"),
    null=h.variant(dtype="fp32"),
    plant=h.variant(rank=2),
    expect={"small": "supported"},
    family=SWEEPS,
    needs=("real-weights",),
    nightly=True,
)
def test_bf16_inflates_rank(noise, rng, dtype="bf16", rank=8):
    return h.matrix_rank(h.low_rank(noise, rng, rank=rank).seen_in(dtype)) / rank


@PAPER.claim(
    "sgd-uses-fewer-directions",
    says="Trained with SGD, RLVR's update holds 99 % of its energy in under half as many directions as with AdamW",
    source="SGD-RLVR (2602.07729): 24-26 against the high 80s (H30)",
    metric="99 % energy rank, SGD over AdamW",
    bound=h.below(0.5, on="log"),
    null=h.null("isotropic", on="*"),
    plant=h.plant("low_rank", on="rlvr_sgd", rank=1),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "open"},
    family=SWEEPS,
    nightly=True,
)
def test_sgd_uses_fewer_directions(rlvr_sgd, rlvr):
    return h.energy_rank(rlvr_sgd) / h.energy_rank(rlvr)
