"""The norm-growth limiter: that it limits, and what it is worth where nothing diverges."""

import harness as h
from suites.apollo.paper import LIMITER, PAPER

GROWTH = 1.01


@PAPER.claim(
    "norm-growth-is-limited",
    says="No update is over 1.01 times as long as the one before it, from the first step of training on and over refreshes",
    source="Alg. 1 (norm-growth limiter, after Fira); sheet T11",
    metric="largest |u_t| / |u_(t-1)| over 24 steps and all matrices, u before sqrt(scale): at most 1.01 + 1e-6",
    bound=h.exact(True),
    null=h.variant(limiter=None),
    no_plant="every stream of gradients must satisfy it: the limiter is an operation, not an effect",
    expect={"tiny": "supported"},
    family=LIMITER,
)
def test_norm_growth_is_limited(lm_apollo, lm, limiter=GROWTH):
    """A new subspace every 8 steps, where lengths jump; the gradients are those of the run's own text."""
    trace = lm.run(lm_apollo).trace(0, 24, like="lm_apollo", refresh=8, limiter=limiter)
    lengths = [[step[name].double().norm().item() for step in trace.updates] for name in trace.first]
    return all(b / a <= GROWTH + 1e-6 for each in lengths for a, b in zip(each, each[1:], strict=False))


@PAPER.claim(
    "limiter-does-nothing-here",
    says="Without its limiter APOLLO ends within .02 nats a character of itself with it",
    source="the paper and Fira need it against spikes of larger models; sheet E9: 2.281 without, 2.278 with; .02 is below "
    "the .024 by which GaLore was published to lie above AdamW at 60M",
    metric="held-out loss, APOLLO without the limiter less APOLLO",
    bound=h.equivalent(-0.02, 0.02),
    null=(h.null("swap", must="refuted", lm_apollo_unlimited="lm_frozen"), h.swap(lm_apollo_unlimited="lm_adamw_twin")),
    no_plant="an equality: a plant would be the run against itself, which cannot fail",
    expect={"tiny": "open"},
    family=LIMITER,
    nightly=True,
)
def test_limiter_does_nothing(lm_apollo_unlimited, lm_apollo, lm):
    return lm.loss(lm_apollo_unlimited) - lm.loss(lm_apollo)
