"""Three subspaces that go by one name, kept apart: where the gradient leads, where weights are large, where the loss is steep.

Lemma 3.3 sends the late gradient to the least eigenvalue of S, the Gauss-Newton matrix of its model; Gur-Ari et al. find
gradients in the Hessian's top. Both are judged as one number, by products with the Gauss-Newton matrix of the language model.
"""

import harness as h
from suites.galore.curvature import curvature, direction_of, gauss_newton
from suites.galore.paper import LATE, PAPER, SUBSPACES
from suites.galore.subspaces import overlap


@PAPER.claim(
    "late-gradient-lies-flat",
    says="Late gradients lie where the loss is flat: they are at most half as curved as a direction at random",
    source="Lemma 3.3, the gradient ends in the eigenspace of the least eigenvalue; against 1812.04754 (the Hessian's top)",
    metric="v'Fv / |v|^2 along the gradient after 400 steps over that along Gaussian directions, F the Gauss-Newton matrix",
    bound=h.below(0.5, on="log"),
    null=(h.variant(along="noise"), h.variant(along="turned")),
    plant=h.variant(along="flat"),
    expect={"tiny": "refuted"},
    family=SUBSPACES,
    nightly=True,
)
def test_late_gradient_lies_flat(lm_adamw, lm, rng, along="gradient"):
    """Nulls: another Gaussian direction, and the gradient's own singular values in random frames. The plant is what is left of
    a Gaussian direction once the steep part is filtered out. Gradient and curvature are read on different windows."""
    run = lm.run(lm_adamw)
    gradient, matrix = run.gradients(LATE), gauss_newton(run, LATE)
    found, chance = (curvature(matrix, direction_of(gradient, kind, matrix, rng)) for kind in (along, "noise"))
    return found / chance


@PAPER.claim(
    "gradient-and-weight-are-apart",
    says="The leading quarters of late gradient and trained weight are two subspaces: they share less than half",
    source="the sheet's warning (principal of G, of W, top of H: three subspaces); two batches share .69-.74, chance is .25",
    metric="mean squared cosine of the leading n/4 directions of gradient and weight on the smaller side, mean matrix",
    bound=h.below(0.5),
    within="mean",
    null=h.variant(against="gradient"),
    plant=h.variant(against="noise"),
    expect={"tiny": "open"},
    family=SUBSPACES,
    nightly=True,
)
def test_gradient_and_weight_are_apart(lm_adamw, lm, rng, against="weight"):
    """The null is the gradient of other windows at the same weights: one subspace seen twice must not look like two."""
    run = lm.run(lm_adamw)
    gradient = run.gradients(LATE)
    other = {
        "weight": lambda: lm_adamw.tuned(),
        "gradient": lambda: run.gradients(LATE, draw=1),
        "noise": lambda: {name: g.clone().normal_(generator=rng) for name, g in gradient.items()},
    }[against]()
    return overlap(gradient, other)
