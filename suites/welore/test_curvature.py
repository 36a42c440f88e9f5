"""Do ranks of gradients follow those of curvature, and ranks of weights those of gradients, beyond what shapes make of them?

Curvature is read by Kronecker factors (harness.training.lm_kfac) at AdamW's last weights on the bench, on other windows than
the gradients. 14 matrices of four shapes: 4, 4, 4 and 2. Ranks are exp of the entropy of energy shares, as in the sheet's E8.
"""

import harness as h
from suites.welore.kronecker import drawn, swapped
from suites.welore.paper import CURVATURE, HALF, PAPER
from suites.welore.strata import dealt, spearman

LATE, K = 400, 8


@PAPER.claim(
    "gradient-rank-follows-curvature",
    says="Over a model's matrices the gradient's effective rank goes with that of its Kronecker-factored curvature",
    source="title and Thm 2.1 (subspaces set by curvature), as read in the sheet: T13, .65-.87 over 28 matrices",
    metric="Spearman of rank(G) with sqrt(rank A rank B) over all 14 matrices",
    bound=h.above(0.5),
    null=h.variant(within_shape=True),
    plant=h.variant(kronecker=True),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_gradient_rank_follows_curvature(lm_adamw, lm, rng, within_shape=False, kronecker=False):
    """The null deals the factors' ranks among matrices of one shape. The plant's gradients are drawn by the factors."""
    gradients, predicted = ranks(lm_adamw, lm, rng, kronecker)
    read = h.gradient_ranks(gradients).entropy_energy
    return spearman(read, dealt(predicted, shapes(gradients), rng) if within_shape else predicted)


@PAPER.claim(
    "gradient-rank-follows-curvature-within-shape",
    says="It does so among matrices of one shape too",
    source="sheet T13, stratified by shape: -.06 to +.99 in E8, exploratory there; the bound is that of the pooled statement",
    metric="Spearman of rank(G) with sqrt(rank A rank B), of ranks inside each shape",
    bound=h.above(0.5),
    null=h.variant(within_shape=True),
    plant=h.variant(kronecker=True),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_gradient_rank_follows_curvature_within_shape(lm_adamw, lm, rng, within_shape=False, kronecker=False):
    gradients, predicted = ranks(lm_adamw, lm, rng, kronecker)
    read, groups = h.gradient_ranks(gradients).entropy_energy, shapes(gradients)
    return spearman(read, dealt(predicted, groups, rng) if within_shape else predicted, groups)


@PAPER.claim(
    "gradient-lies-along-curvature",
    says="The gradient's top 8 directions share three times as much with those of its curvature factors as chance",
    source="Thm 2.1's reading (the gradient's subspace settles in curvature's); sheet T14, .60-.78 against .12 and .04",
    metric="overlap of top-8 subspaces, both sides together, over chance; mean matrix",
    bound=h.above(3.0, on="log"),
    within="mean",
    null=(h.variant(of="other layer"), h.variant(of="shuffled"), h.variant(of="gaussian")),
    plant=h.variant(of="kronecker"),
    expect={"tiny": "open"},
    family=CURVATURE,
    nightly=True,
)
def test_gradient_lies_along_curvature(lm_adamw, lm, rng, of="trained"):
    """Factors of the other layer: is it this matrix's curvature? Shuffled targets: is it of anything that was learned?"""
    run = lm.run(lm_adamw)
    shuffled = of == "shuffled"
    gradients, factors = run.gradients(LATE, shuffled=shuffled), run.kfac(LATE, shuffled=shuffled)
    if of == "gaussian":
        gradients = {name: g.clone().normal_(generator=rng) for name, g in gradients.items()}
    if of == "kronecker":
        gradients = drawn(factors, rng)
    found = h.kfac_alignment(gradients, swapped(factors) if of == "other layer" else factors, K)
    return (found.left + found.right) / (found.left_chance + found.right_chance)


LINK = dict(
    metric="Spearman of the share of ranks that WeLore's rule keeps with the gradient's effective rank",
    bound=h.above(0.4),
    no_plant="weights whose ranks are put where the gradients' are would test Spearman's formula, which has its own tests",
    family=CURVATURE,
    nightly=True,
)


@PAPER.claim(
    "low-rank-gradients-make-low-rank-weights",
    says="Over a model's matrices, those whose gradients are of low rank have weights of low rank",
    source="abstract; sheet (papers, 21, welore_grad_links_rank): .4; pooled it was -.62 to .05 in E8a",
    null=(h.variant(within_shape=True), h.variant(step=0)),
    expect={"tiny": "open"},
    **LINK,
)
def test_low_rank_gradients_make_low_rank_weights(lm_adamw, lm, rng, within_shape=False, step=LATE):
    """Nulls: ranks dealt among matrices of one shape; and the first weights, in which no gradient has left anything."""
    kept, gradients = kept_and_gradients(lm_adamw, lm, step)
    read = h.gradient_ranks(gradients).entropy_energy
    return spearman(kept, dealt(read, shapes(gradients), rng) if within_shape else read)


@PAPER.claim(
    "low-rank-gradients-make-low-rank-weights-within-shape",
    says="Those of one shape whose gradients are of lower rank have weights of lower rank",
    source="abstract; sheet 2.9: no consistent sign inside attention and MLP, -.75 to +.61",
    null=(h.variant(within_shape=True), h.variant(step=0)),
    expect={"tiny": "open"},
    **LINK,
)
def test_low_rank_gradients_make_low_rank_weights_within_shape(lm_adamw, lm, rng, within_shape=False, step=LATE):
    kept, gradients = kept_and_gradients(lm_adamw, lm, step)
    read, groups = h.gradient_ranks(gradients).entropy_energy, shapes(gradients)
    return spearman(kept, dealt(read, groups, rng) if within_shape else read, groups)


def ranks(arm, lm, rng, kronecker):
    """(gradients, sqrt(rank A rank B) by name); the gradients are drawn by the factors where they are to follow them."""
    run = lm.run(arm)
    factors = run.kfac(LATE)
    return drawn(factors, rng) if kronecker else run.gradients(LATE), h.factor_rank(factors)


def kept_and_gradients(arm, lm, step):
    """(share of its ranks that each matrix keeps at half of all, its gradient) at the weights of a step."""
    run = lm.run(arm)
    spectra = h.value_spectra(run.run.matrices(step))
    kept = h.find_threshold(spectra, HALF).allocation.reduction
    return {name: 1 - ratio for name, ratio in kept.items()}, run.gradients(step)


def shapes(matrices):
    """Name -> shape."""
    return {name: tuple(matrix.shape) for name, matrix in matrices.items()}
