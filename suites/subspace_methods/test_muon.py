"""Muon: updates whose singular values are all about one. Are they, what does that do to the weights, and does it pay?"""

import harness as h
from suites.subspace_methods.one_matrix import SHAPES, STATE_SHAPE, gradients, state_elements, stepped

PAPER = h.Paper("muon", arxiv="2502.16982", title="Muon is Scalable for LLM Training")
TRAINING, SPECTRUM, CALIBRATION = "training", "spectrum", "calibration"


@PAPER.claim(
    "newton-schulz-flattens",
    says="Five Newton-Schulz iterations bring all singular values of a gradient of condition up to 150 into [.6, 1.25]",
    source="Sec. 2.1 (Muon's coefficients); sheet T20: .676-1.140 (E12)",
    metric="all singular values of torch.optim.Muon's first update lie in [.6, 1.25]",
    bound=h.exact(True),
    null=(h.variant(ns_steps=1), h.variant(ns_steps=3)),
    no_plant="a statement about every such gradient: each must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_newton_schulz_flattens(rng, ns_steps=5):
    """Gradients of the sheet's E12; one of a larger condition is drawn again."""
    return all(0.6 <= s <= 1.25 for shape in SHAPES for s in orthogonalised(conditioned(rng, shape), rng, ns_steps))


def conditioned(rng, shape, most=150.0):
    """A gradient whose condition is at most so large, fp32."""
    from torch.linalg import cond

    while cond(found := gradients(rng, shape, 1)[0]) > most:
        pass
    return found.float()


def orthogonalised(gradient, rng, ns_steps=5):
    """Singular values of Muon's first update, its rate and the factor sqrt(max(1, rows / columns)) divided out."""
    from torch.linalg import svdvals

    lr = 0.02
    moved = stepped("muon", [gradient], rng, lr=lr, ns_steps=ns_steps).moved
    rows, columns = gradient.shape
    return (svdvals(moved.double()) / (lr * max(1.0, rows / columns) ** 0.5)).tolist()


@PAPER.claim(
    "newton-schulz-flattens-real-gradients",
    says="Of a language model's gradients, too, five iterations bring nine tenths of the singular values into [.5, 1.5]",
    source="the comment of the reference code (all into about [.5, 1.5], uniformly), taken over in torch; nine tenths is ours",
    metric="share of the singular values of Muon's first update in [.5, 1.5], median matrix, gradients of step 201 of "
    "AdamW's run",
    bound=h.above(0.9),
    null=h.variant(ns_steps=2),
    plant=h.variant(gaussian=True),
    expect={"tiny": "open"},
    family=SPECTRUM,
)
def test_newton_schulz_flattens_real_gradients(lm_adamw, lm, rng, ns_steps=5, gaussian=False):
    """The plant is well conditioned: Gaussian gradients of the same shapes."""
    found = lm.run(lm_adamw).step_gradients(200)
    if gaussian:
        found = {name: g.clone().normal_(generator=rng) for name, g in found.items()}
    values = {name: orthogonalised(g, rng, ns_steps) for name, g in found.items()}
    return {name: sum(0.5 <= s <= 1.5 for s in each) / len(each) for name, each in values.items()}


@PAPER.claim(
    "change-has-higher-stable-rank",
    says="Over training Muon changes the matrices with at least 2.5 times AdamW's stable rank",
    source="Sec. 3 (Muon's weights have a higher SVD entropy); sheet T12: 3.4 (E9)",
    metric="stable rank of W_T - W_0, Muon over AdamW, median matrix",
    bound=h.above(2.5, on="log"),
    null=(h.swap(lm_muon="lm_adamw_twin"), h.swap(lm_muon="lm_apollo")),
    no_plant="nothing else on the bench steps with flat spectra",
    expect={"tiny": "supported"},
    family=SPECTRUM,
    nightly=True,
)
def test_change_has_higher_stable_rank(lm_muon, lm_adamw):
    """APOLLO, a null, has full-rank updates too, but with the gradient's own spectrum."""
    return h.stable_rank(lm_muon) / h.stable_rank(lm_adamw)


@PAPER.claim(
    "beats-adamw",
    says="Muon ends below AdamW at equal steps",
    source="abstract (about half of AdamW's compute to the same loss); sheet E9: 1.42 against 1.89",
    metric="held-out loss, Muon less AdamW",
    bound=h.below(0.0),
    null=(h.swap(lm_muon="lm_adamw_twin"), h.null("swap", must="refuted", lm_muon="lm_frozen")),
    plant=h.swap(lm_adamw="lm_frozen"),
    floor=h.swap(lm_adamw="lm_adamw_twin"),
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_beats_adamw(lm_muon, lm_adamw, lm):
    return lm.loss(lm_muon) - lm.loss(lm_adamw)


@PAPER.claim(
    "state-is-mn",
    says="Muon remembers m n numbers of an m x n matrix, half of AdamW's",
    source="Sec. 2.1 (one momentum buffer); sheet T9 (E13): 16384 at 64 x 256",
    metric="the count is exact, and AdamW's is twice as much",
    bound=h.exact(True),
    null=h.variant(method="adamw"),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state(rng, method="muon"):
    size = STATE_SHAPE[0] * STATE_SHAPE[1]
    return state_elements(method, rng) == size and state_elements("adamw", rng) == 2 * size
