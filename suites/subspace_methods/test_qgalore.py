"""Q-GaLore: the projection in 4 bits. What does that cost, and what does it save?"""

import harness as h
from suites.subspace_methods.one_matrix import STATE_RANK, STATE_SHAPE, gradients, stepped

PAPER = h.Paper(
    "q-galore",
    arxiv="2407.08296",
    title="Q-GaLore: Quantized GaLore with INT4 Projection and Layer-Adaptive Low-Rank Gradients",
)
TRAINING, CALIBRATION = "training", "calibration"


@PAPER.claim(
    "trains-as-galore",
    says="With its projections in 4 bits GaLore ends at most .05 nats a character above itself",
    source="Sec. 3.3 (projections are resilient to low bits; nearly lossless); the margin is that of sheet T10, as for APOLLO",
    metric="held-out loss, Q-GaLore less GaLore",
    bound=h.below(0.05),
    null=h.null("swap", must="refuted", lm_qgalore="lm_frozen"),
    plant=h.swap(lm_qgalore="lm_galore_twin"),
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_trains_as_galore(lm_qgalore, lm_galore, lm):
    """Weights, moments and refreshes are GaLore's here: this is the projection alone."""
    return lm.loss(lm_qgalore) - lm.loss(lm_galore)


@PAPER.claim(
    "projection-takes-half-a-byte",
    says="The projection of an m x n matrix takes m r / 2 bytes, beside two numbers for every 256 of its entries",
    source="Sec. 3.3 (INT4, groups of 256)",
    metric="bytes of codes, and how many scales, at 64 x 256 and r = 16",
    bound=h.exact(True),
    null=h.variant(bits=8),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_projection_takes_half_a_byte(rng, bits=4):
    state = stepped("q-galore", gradients(rng, STATE_SHAPE, 3), rng, rank=STATE_RANK, bits=bits).state
    entries = min(STATE_SHAPE) * STATE_RANK
    codes = state["codes"].numel() * state["codes"].element_size()
    return "basis" not in state and codes == entries / 2 and state["low"].numel() + state["width"].numel() == 2 * entries / 256
