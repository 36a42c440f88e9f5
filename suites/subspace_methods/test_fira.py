"""Fira: GaLore inside the subspace, the scaled gradient outside it. Does the outside pay?"""

import harness as h
from suites.subspace_methods.one_matrix import SHAPES, STATE_RANK, STATE_SHAPE, gradients, rank, state_elements, stepped

PAPER = h.Paper("fira", arxiv="2410.01623", title="Fira: Can We Achieve Full-rank Training of LLMs Under Low-rank Constraint?")
TRAINING, CALIBRATION = "training", "calibration"


@PAPER.claim(
    "beats-galore",
    says="Fira ends below GaLore at equal rank and equal steps",
    source="abstract and Tab. 2: 31.06 against 34.88 at 60M, log ratio -.12 (quoted from memory in the sheet); sheet E9, -.12",
    metric="held-out loss, Fira less GaLore",
    bound=h.below(0.0),
    null=(h.swap(lm_fira="lm_galore_twin"), h.null("swap", must="refuted", lm_fira="lm_frozen")),
    plant=h.swap(lm_fira="lm_muon"),
    floor=h.swap(lm_galore="lm_galore_twin"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_beats_galore(lm_fira, lm_galore, lm):
    return lm.loss(lm_fira) - lm.loss(lm_galore)


@PAPER.claim(
    "beats-adamw",
    says="Fira ends below AdamW at equal steps",
    source="Tab. 2: 31.06 against 34.06 at 60M, log ratio -.09 (quoted from memory in the sheet); sheet E9, -.05",
    metric="held-out loss, Fira less AdamW",
    bound=h.below(0.0),
    null=(h.swap(lm_fira="lm_adamw_twin"), h.null("swap", must="refuted", lm_fira="lm_frozen")),
    plant=h.swap(lm_fira="lm_muon"),
    floor=h.swap(lm_adamw="lm_adamw_twin"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_beats_adamw(lm_fira, lm_adamw, lm):
    return lm.loss(lm_fira) - lm.loss(lm_adamw)


@PAPER.claim(
    "update-has-full-rank",
    says="Fira's first update has full rank, min(m, n), at projection rank 8",
    source="title and Sec. 4; sheet E12: 32 of 32",
    metric="rank of W_1 - W_0 is min(m, n) for both shapes",
    bound=h.exact(True),
    null=h.variant(update="back"),
    no_plant="an identity: every gradient of full rank must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_update_has_full_rank(rng, update="residual"):
    """The null leaves out what lies outside the subspace: GaLore."""
    moved = [stepped("fira", gradients(rng, shape, 1), rng, rank=8, update=update).moved for shape in SHAPES]
    return all(rank(each) == min(each.shape) for each in moved)


@PAPER.claim(
    "state-is-mr-plus-2nr-plus-1",
    says="Fira remembers m r + 2 n r + 1 numbers of an m x n matrix: GaLore's and the limiter's norm",
    source="Tab. 1; sheet T9 (E13): 9217 at 64 x 256, r = 16",
    metric="the count is exact",
    bound=h.exact(True),
    null=h.variant(method="galore"),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state(rng, method="fira"):
    small, large = STATE_SHAPE
    return state_elements(method, rng, rank=STATE_RANK) == small * STATE_RANK + 2 * large * STATE_RANK + 1
