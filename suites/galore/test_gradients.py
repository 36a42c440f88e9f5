"""Are gradients of low rank, do they become so, does their subspace come to rest? With the controls that such sentences lack.

Gradients are taken at kept weights of AdamW's run on 12288 characters of training text (`lm.run(arm).gradients`).
"""

import harness as h
from suites.galore.paper import GRADIENTS, PAPER

EARLY, LATE = 40, 400


@PAPER.claim(
    "gradient-is-low-rank",
    says="The gradient has at most .35 of the participation rank that Gaussian noise of its shape has, late in training",
    source="Sec. 3.2 (gradients are of low rank); sheet T3",
    metric="participation rank of the gradient over its Gaussian expectation, median matrix",
    bound=h.below(0.35, on="log"),
    null=(h.variant(gaussian=True), h.variant(shuffled=True)),
    no_plant="the projected gradient of GaLore has rank 16 by construction: other runs' gradients are no plants of this one",
    expect={"tiny": "inconclusive"},
    family=GRADIENTS,
    nightly=True,
    version=2,
    why="read by the measures of gradients, which came later, and no longer as if gradients were updates; the numbers are the same",
)
def test_gradient_is_low_rank(lm_adamw, lm, rng, gaussian=False, shuffled=False):
    """The second null has nothing to learn but letters: if its gradient is as low, the rank says nothing of learning (trap 4)."""
    found = lm.run(lm_adamw).gradients(LATE, shuffled=shuffled)
    if gaussian:
        found = {name: g.clone().normal_(generator=rng) for name, g in found.items()}
    return h.gradient_ranks(found).participation / h.noise_ranks(found).participation


@PAPER.claim(
    "gradient-becomes-low-rank",
    says="The stable rank of the gradient falls over training",
    source="Sec. 3.2, Lemma 3.3 and Fig. 2; sheet T4 expects the contrary at this size, as 2510.01878 reports of a 1B model",
    metric="stable rank after 400 steps over that after 40, median matrix",
    bound=h.below(1.0, on="log"),
    null=h.variant(shuffled=True),
    plant=h.variant(backwards=True),
    expect={"tiny": "refuted"},
    family=GRADIENTS,
    nightly=True,
    version=2,
    why="read by the measures of gradients, which came later, and no longer as if gradients were updates; the numbers are the same",
)
def test_gradient_becomes_low_rank(lm_adamw, lm, shuffled=False, backwards=False):
    """The plant runs time backwards: it must fall there where it rises forwards."""
    run = lm.run(lm_adamw)
    early, late = (h.gradient_ranks(run.gradients(step, shuffled=shuffled)).stable for step in (EARLY, LATE))
    return early / late if backwards else late / early
