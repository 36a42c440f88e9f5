"""Are gradients of low rank, do they become so, does their subspace come to rest? With the controls that such sentences lack.

Gradients are taken at kept weights of AdamW's run on 12288 characters of training text (`lm.run(arm).gradients`). A gradient is
read as an update, so that the measures of updates read it.
"""

import harness as h
from suites.galore.paper import GRADIENTS, PAPER

EARLY, LATE = 40, 400


def as_change(gradients):
    """Gradients in the place of an update; the base does not matter to a measure of rank, so it is their own rounding."""
    return h.Change({name: g.float() for name, g in gradients.items()}, {name: g.double() for name, g in gradients.items()})


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
)
def test_gradient_is_low_rank(lm_adamw, lm, rng, gaussian=False, shuffled=False):
    """The second null has nothing to learn but letters: if its gradient is as low, the rank says nothing of learning (trap 4)."""
    found = as_change(lm.run(lm_adamw).gradients(LATE, shuffled=shuffled))
    noise = h.isotropic(found, rng)
    return h.participation_rank(noise if gaussian else found) / {
        name: min(g.shape) / (1 + min(g.shape) / max(g.shape)) for name, g in found.update.items()
    }


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
)
def test_gradient_becomes_low_rank(lm_adamw, lm, shuffled=False, backwards=False):
    """The plant runs time backwards: it must fall there where it rises forwards."""
    run = lm.run(lm_adamw)
    early, late = (h.stable_rank(as_change(run.gradients(step, shuffled=shuffled))) for step in (EARLY, LATE))
    return early / late if backwards else late / early
