"""ReLoRA: many low-rank updates, merged one after the other, make a high-rank one."""

import harness as h
from suites.subspace_methods.one_matrix import STATE_RANK, STATE_SHAPE, state_elements

PAPER = h.Paper("relora", arxiv="2307.05695", title="ReLoRA: High-Rank Training Through Low-Rank Updates")
TRAINING, RANKS, CALIBRATION = "training", "ranks", "calibration"
PERIOD, RANK = 100, 16
"""Of the arm lm_relora: steps between two merges, and the rank of each."""


@PAPER.claim(
    "rank-grows-with-merges",
    says="After two periods of ReLoRA every matrix has moved by rank over r and at most 2 r, in a model that is trained "
    "with it",
    source="Sec. 3: rank(A + B) <= rank(A) + rank(B); sheet T22",
    metric="16 < rank(W_200 - W_0) <= 32 of every matrix, steps 200 = 2 x 100",
    bound=h.exact(True),
    null=(h.variant(step=80), h.swap(lm_relora="lm_adamw")),
    no_plant="an identity: every run of the method must satisfy it",
    expect={"tiny": "supported"},
    family=RANKS,
    nightly=True,
)
def test_rank_grows(lm_relora, step=2 * PERIOD):
    """Nulls: before the first merge the rank is r, and AdamW's is full. Ranks are counted above fp32's rounding of the weights.

    Wide enough to tell are the ten of fourteen matrices whose smaller side is 64.
    """
    ranks = h.matrix_rank(dict(lm_relora.trajectory)[step])
    return all(RANK < found <= 2 * RANK for found in ranks.values())


@PAPER.claim(
    "rank-becomes-high",
    says="In the end, after four periods, the matrices have moved by the rank 4 r that four updates of rank r can have at most",
    source="title and Fig. 4 (spectrum of the learned update near full training's); r 4 = 64 is full rank here",
    metric="rank(W_400 - W_0) over min(4 r, m, n), least matrix",
    bound=h.above(0.9),
    within="min",
    null=h.variant(step=200),
    plant=h.swap(lm_relora="lm_adamw"),
    expect={"tiny": "open"},
    family=RANKS,
    nightly=True,
)
def test_rank_becomes_high(lm_relora, step=4 * PERIOD):
    change = dict(lm_relora.trajectory)[step]
    most = {name: min(4 * RANK, *w0.shape) for name, w0 in lm_relora.base.items()}
    return {name: found / most[name] for name, found in h.matrix_rank(change).items()}


@PAPER.claim(
    "trains-as-adamw",
    says="ReLoRA at a quarter of the rank ends at most .05 nats a character above AdamW, at equal steps and without a "
    "warm start",
    source="abstract (comparable to regular training); at 11M-66M a second paper finds it worse (2509.12960); the "
    "margin is sheet T10's",
    metric="held-out loss, ReLoRA less AdamW",
    bound=h.below(0.05),
    null=h.null("swap", must="refuted", lm_relora="lm_frozen"),
    plant=h.swap(lm_relora="lm_adamw_twin"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_trains_as_adamw(lm_relora, lm_adamw, lm):
    """One factor of each period is held at its random start here (presets.py): the paper trains both."""
    return lm.loss(lm_relora) - lm.loss(lm_adamw)


@PAPER.claim(
    "state-is-mr-plus-2nr",
    says="Between two merges ReLoRA with one trained factor remembers m r + 2 n r numbers of an m x n matrix",
    source="Sec. 3: LoRA's memory; here with one factor of the two, so 2 n r moments and the m r of the other",
    metric="the count is exact",
    bound=h.exact(True),
    null=h.variant(method="adamw"),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state(rng, method="relora"):
    small, large = STATE_SHAPE
    settings = {} if method == "adamw" else {"rank": STATE_RANK}
    return state_elements(method, rng, **settings) == small * STATE_RANK + 2 * large * STATE_RANK
