"""Is the scaling that APOLLO measures in a random subspace the full-rank one, up to sqrt(r / a)?

The law is what lets a rank-r sketch stand in for Adam's moments. On made-up gradients (the sheet's E4 and E5) it must hold;
whether it holds on a language model's, which are no noise, is asked apart.
"""

import harness as h
from suites.apollo.paper import LAW, PAPER, RANK
from suites.apollo.scaling import SHAPES, UNSCALED, farthest, law_ratio, made_up


@PAPER.claim(
    "channel-scaling-follows-root-of-rank",
    says="Measured in a random subspace of rank 16 or 64, a channel's scaling is sqrt(r/m) times the full one, within "
    "-5 and +8 %",
    source="Sec. 4 (the bound on the ratio of channel-wise scalings); sheet T7, 1.00-1.04 for r >= 16 (E4)",
    metric="mean s^R/s over sqrt(r/m), the farthest from 1 of two shapes and two ranks",
    bound=h.equivalent(0.95, 1.08, on="log"),
    null=(h.variant(rank=1), h.variant(projector="stiefel")),
    plant=h.variant(signal=0.0),
    expect={"tiny": "supported"},
    family=LAW,
)
def test_channel_scaling(rng, rank=None, projector="gaussian", signal=0.5):
    """Nulls: one direction is too few for a column's length, and an orthonormal P has no such law, since it shrinks |R| itself
    by sqrt(r/m). The plant has no signal: there the law is the concentration of Gaussian lengths."""
    ranks = (RANK, 64) if rank is None else (rank,)
    return farthest(made_up(rng, shape, r, projector=projector, signal=signal) for shape in SHAPES for r in ranks)


@PAPER.claim(
    "tensor-scaling-of-rank-one",
    says="Measured in one random direction, the scaling of a whole matrix is sqrt(1/m) times the full one, within a "
    "factor .75-1.3",
    source="Sec. 4.3, APOLLO-Mini; sheet T7, .83-1.20 over 20 seeds (E5)",
    metric="s^R/s of the matrix over sqrt(1/m), the farther from 1 of two shapes",
    bound=h.equivalent(0.75, 1.3, on="log"),
    null=(h.variant(kind="channel"), h.variant(projector="stiefel")),
    plant=h.variant(signal=0.0),
    expect={"tiny": "supported"},
    family=LAW,
)
def test_tensor_scaling(rng, kind="tensor", projector="gaussian", signal=0.5):
    return farthest(made_up(rng, shape, 1, kind=kind, projector=projector, signal=signal) for shape in SHAPES)


@PAPER.claim(
    "channel-scaling-on-a-language-model",
    says="On a language model's own gradients, too, a channel's scaling in rank 16 is sqrt(r/m) times the full one, "
    "within -5 and +8 %",
    source="Sec. 4 and its figure of the ratio on LLaMA; the range is sheet T7's for made-up gradients",
    metric="mean s^R/s over sqrt(r/m) after 20 steps of APOLLO from AdamW's weights at step 200, median matrix",
    bound=h.equivalent(0.95, 1.08, on="log"),
    null=h.variant(projector="stiefel"),
    no_plant="the claim on made-up gradients is its plant: the same measure, where the law must hold",
    expect={"tiny": "open"},
    family=LAW,
)
def test_channel_scaling_on_a_language_model(lm_adamw, lm, projector="gaussian"):
    run = lm.run(lm_adamw)
    trace = run.trace(200, 20, like="lm_apollo", rank=RANK, projector=projector, **UNSCALED)
    streams = {name: [step[name] for step in trace.gradients] for name in trace.first}
    options = dict(betas=run.recipe.betas, eps=1e-6)  # of the arm lm_apollo
    return {name: law_ratio(stream, trace.updates[-1][name], RANK, **options) for name, stream in streams.items()}
