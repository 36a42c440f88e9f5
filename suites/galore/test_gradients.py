"""Are gradients of low rank, and do they become so? With the controls that such sentences lack.

Gradients are taken at kept weights of AdamW's run on 12288 characters of training text (`lm.run(arm).gradients`), or on
as few as a claim asks for.
"""

import harness as h
from suites.galore.paper import EARLY, GRADIENTS, LATE, PAPER


@PAPER.claim(
    "gradient-is-low-rank",
    says="The gradient has at most .35 of the participation rank that Gaussian noise of its shape has, late in training",
    source="Sec. 3.2 (gradients are of low rank); sheet T3",
    metric="participation rank of the gradient over its Gaussian expectation, median matrix",
    bound=h.below(0.35, on="log"),
    null=(h.variant(gaussian=True), h.variant(shuffled=True), h.swap(lm_adamw="lm_shuffled")),
    no_plant="the projected gradient of GaLore has rank 16 by construction: other runs' gradients are no plants of this one",
    expect={"tiny": "inconclusive"},
    family=GRADIENTS,
    nightly=True,
    version=3,
    why="a third null: a model that was trained on shuffled targets, read on true ones; bound and numbers are the same",
)
def test_gradient_is_low_rank(lm_adamw, lm, rng, gaussian=False, shuffled=False):
    """The second null has nothing to learn but letters, the third learned nothing else: if their gradients are as low, the rank
    says nothing of learning (trap 4)."""
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
    null=(h.variant(shuffled=True), h.swap(lm_adamw="lm_shuffled")),
    plant=h.variant(backwards=True),
    expect={"tiny": "refuted"},
    family=GRADIENTS,
    nightly=True,
    version=3,
    why="a second null: a model that was trained on shuffled targets; bound and numbers are the same",
)
def test_gradient_becomes_low_rank(lm_adamw, lm, shuffled=False, backwards=False):
    """The plant runs time backwards: it must fall there where it rises forwards."""
    run = lm.run(lm_adamw)
    early, late = (h.gradient_ranks(run.gradients(step, shuffled=shuffled)).stable for step in (EARLY, LATE))
    return early / late if backwards else late / early


@PAPER.claim(
    "few-tokens-look-low-rank",
    says="Low rank by few tokens is a fake: late gradients of 12288 characters have over twice the rank of those of 8",
    source="not the paper's; sheet T3 and E7, the token sweep: numerical rank 7.8 on 8 tokens, 64 on 128; the factor is ours",
    metric="participation rank on 12288 characters over that on few of them, mean of four draws, median matrix",
    bound=h.above(2.0, on="log"),
    null=h.variant(few=128),
    plant=h.variant(few=2),
    expect={"tiny": "supported"},
    family=GRADIENTS,
    nightly=True,
)
def test_few_tokens_look_low_rank(lm_adamw, lm, few=8):
    """The null has few characters too, a hundredth of the batch, but two for every row: any smaller batch is noisier, and if
    that alone halved the rank, the fake would not be one of too few tokens. One window each, up to the context of 64."""
    run = lm.run(lm_adamw)
    context = min(few, run.recipe.lm.context)
    draws = [run.gradients(LATE, draw=draw, windows=few // context, context=context) for draw in (1, 2, 3, 4)]
    mean = sum(h.gradient_ranks(found).participation for found in draws) / len(draws)
    return h.gradient_ranks(run.gradients(LATE)).participation / mean
