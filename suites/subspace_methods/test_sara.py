"""SARA: singular vectors drawn by their value in place of the leading ones. Does that train better?"""

import harness as h

PAPER = h.Paper(
    "sara",
    arxiv="2502.05790",
    title="Breaking the Frozen Subspace: Importance Sampling for Low-Rank Optimization in LLM Pretraining",
)


@PAPER.claim(
    "beats-galore",
    says="With sampled subspaces training ends below GaLore, whose are the leading ones, at equal rank and equal steps",
    source="abstract (outperforms methods that take the dominant subspace)",
    metric="held-out loss, SARA less GaLore",
    bound=h.below(0.0),
    null=(h.swap(lm_sara="lm_galore_twin"), h.swap(lm_sara="lm_random"), h.null("swap", must="refuted", lm_sara="lm_frozen")),
    plant=h.swap(lm_sara="lm_muon"),
    floor=h.swap(lm_galore="lm_galore_twin"),
    expect={"tiny": "open"},
    family="training",
    nightly=True,
)
def test_beats_galore(lm_sara, lm_galore, lm):
    """A null asks whether the singular values matter: random subspaces look at no gradient at all."""
    return lm.loss(lm_sara) - lm.loss(lm_galore)
