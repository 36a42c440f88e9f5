"""Does the gradient lie in the Hessian's top space, does that space stay, and is either of learning or of noise?

A replicate draws its own data, weights and batches (bench.py). Shares are means over the looks from step 100 on.
"""

import harness as h
from suites.tiny_subspaces.bench import CLASSES, EVERY, STEPS, SWITCH, behind, looks, mean, problem, random_space
from suites.tiny_subspaces.paper import ALIGNMENT, PAPER, SHARE, TRANSFORMER

LONG = STEPS - SWITCH - EVERY
"""From step 100 to the last look."""


def late_share(drawn, rng, *, space="top", whole=False, noisy=True, steep=False, every=EVERY):
    """Mean share of a batch's or the whole gradient in the top or a random space, as it is or after a product H g."""

    def share(look):
        top = drawn.top(look.weights) if space == "top" else random_space(look.weights, rng)
        gradient = look.whole if whole else look.gradient
        return top.share(h.hvp(lambda: drawn.loss(look.weights), look.weights, gradient) if steep else gradient)

    return mean(share(look) for look in looks(drawn, noisy=noisy, every=every))


@PAPER.claim(
    "gradient-lies-in-top-space",
    says="Late in training over a fifth of a batch's gradient lies in the span of the Hessian's 5 top eigenvectors, of 1229",
    source="Gur-Ari et al. Sec. 2 (as many eigenvectors as classes); sheet E11 and T16: .34 on two seeds, chance .004",
    metric="|V'g|^2 / |g|^2, mean over looks from step 100 on",
    bound=h.above(SHARE),
    null=h.null("variant", must="refuted", space="random"),
    plant=h.variant(steep=True, every=100),
    expect={"tiny": "supported"},
    family=ALIGNMENT,
)
def test_gradient_lies_in_top_space(rng, space="top", steep=False, every=EVERY):
    """The plant is the gradient after one product with the Hessian, which tilts it to the top; it is looked at less often."""
    return late_share(problem(rng), rng, space=space, steep=steep, every=every)


@PAPER.claim(
    "top-space-is-mostly-preserved",
    says="Over half of the Hessian's top space at step 100 is still in it at step 580",
    source="Gur-Ari et al., abstract: mostly preserved over long periods of training; half is our reading of mostly",
    metric="|V'V'|^2 / 5 of the spaces at the two steps",
    bound=h.above(0.5),
    null=(h.variant(following=True), h.null("variant", must="refuted", space="random")),
    plant=h.variant(lag=0),
    expect={"tiny": "supported"},
    family=ALIGNMENT,
)
def test_top_space_is_mostly_preserved(rng, lag=LONG, following=False, space="top"):
    """The first null is the space of eigenvectors 6-10: if it stays as well, the weights moved little, and the top is nothing
    special. The plant asks for the space of one point twice, from two starts of the iteration that finds it."""
    drawn = problem(rng)
    seen = [look.weights for look in looks(drawn, every=LONG)]
    after = space_at(drawn, seen[1 if lag else 0], rng, following, space, start=1)
    return space_at(drawn, seen[0], rng, following, space).overlap(after)


def space_at(drawn, weights, rng, following, space, start=0):
    """The 5 top eigenvectors, the 5 behind them, or 5 directions at random."""
    if space == "random":
        return random_space(weights, rng)
    return behind(drawn.top(weights, 2 * CLASSES, start)) if following else drawn.top(weights, start=start)


@PAPER.claim(
    "top-space-is-at-rest",
    says="Late in training the Hessian's top space keeps over .9 of itself from one look to the next, 20 steps on",
    source="Gur-Ari et al. Sec. 2; sheet E11: 1.00; the bound is ours",
    metric="|V'V'|^2 / 5 of consecutive looks, mean from step 100 on",
    bound=h.above(0.9),
    null=(h.variant(following=True), h.null("variant", must="refuted", space="random")),
    no_plant="that the space of one point is found again is the plant of top-space-is-mostly-preserved",
    expect={"tiny": "inconclusive"},
    family=ALIGNMENT,
    nightly=True,
)
def test_top_space_is_at_rest(rng, following=False, space="top"):
    """Over 20 small steps any space may rest: the null's eigenvectors 6-10 had .95 on two draws that are none of these."""
    drawn = problem(rng)
    spaces = [space_at(drawn, look.weights, rng, following, space) for look in looks(drawn)]
    return mean(a.overlap(b) for a, b in zip(spaces, spaces[1:], strict=False))


@PAPER.claim(
    "whole-gradient-lies-in-top-space",
    says="Late in training over a fifth of the whole loss's gradient, too, lies in the top space",
    source="Song et al. Sec. 3, whose alignment is of the loss's gradient; the bound is sheet T16's",
    metric="|V'g|^2 / |g|^2 of the whole loss's gradient, mean over looks from step 100 on",
    bound=h.above(SHARE),
    null=h.null("variant", must="refuted", space="random"),
    plant=h.variant(steep=True),
    expect={"tiny": "open"},
    family=ALIGNMENT,
    nightly=True,
)
def test_whole_gradient_lies_in_top_space(rng, space="top", steep=False):
    return late_share(problem(rng), rng, whole=True, space=space, steep=steep)


@PAPER.claim(
    "noise-makes-the-alignment",
    says="The whole gradient's share in the top space is over twice as large along SGD as along gradient descent without noise",
    source="Song et al. Sec. 4 (at small steps the alignment is of SGD's noise); 2 is the factor used for other ratios here",
    metric="share of the whole gradient on SGD's way over that on gradient descent's, the same problem",
    bound=h.above(2.0, on="log"),
    null=h.variant(quiet=True),
    plant=h.variant(space="random"),
    expect={"tiny": "supported"},
    family=ALIGNMENT,
    nightly=True,
)
def test_noise_makes_the_alignment(rng, quiet=False, space="top"):
    """The null takes gradient descent twice; the plant reads the noiseless way in a random space, where the share is chance."""
    drawn = problem(rng)
    with_noise = late_share(drawn, rng, whole=True, noisy=not quiet)
    return with_noise / late_share(drawn, rng, whole=True, noisy=False, space=space)


@PAPER.claim(
    "alignment-comes-with-learning",
    says="A batch's gradient lies over twice as much in the top space as it does where labels are dealt out anew",
    source="ours: what the alignment would be if it told of learning; the factor 2 is the one used for other ratios here",
    metric="late share in the top space, true labels over shuffled ones",
    bound=h.above(2.0, on="log"),
    null=h.variant(learned=False),
    plant=h.variant(space="random"),
    expect={"tiny": "refuted"},
    family=ALIGNMENT,
    nightly=True,
)
def test_alignment_comes_with_learning(rng, learned=True, space="top"):
    """Null: shuffled labels over other shuffled labels. Plant: true labels over a random space."""
    first = late_share(problem(rng, shuffled=not learned), rng)
    return first / late_share(problem(rng, shuffled=True), rng, space=space)


@PAPER.claim(
    "transformer-gradient-lies-in-top-space",
    says="Late on the pretraining bench over a fifth of a batch's gradient lies in the Hessian's 10 top directions, of 86016",
    source="Gur-Ari et al. for classifiers, Song et al. for a small transformer; the bound is sheet T16's",
    metric="|V'g|^2 / |g|^2 of the batch at step 361, all matrices together",
    bound=h.above(SHARE),
    null=h.null("variant", must="refuted", space="random"),
    plant=h.variant(planted=True),
    expect={"tiny": "open"},
    family=TRANSFORMER,
    nightly=True,
)
def test_transformer_gradient(lm_adamw, lm, rng, space="top", planted=False):
    """The plant adds the top direction to the gradient, as long as this is: half of the sum is then the space's, or more."""
    from suites.tiny_subspaces.transformer import TOP, matrices_top

    run = lm.run(lm_adamw)
    gradient = run.step_gradients(360)
    top = matrices_top(run, 360) if space == "top" else random_space(gradient, rng, TOP)
    if planted:
        size = sum(g.square().sum() for g in gradient.values()).sqrt()
        size = size if aligned(gradient, top) else -size
        gradient = {name: g + size * top.vectors[name][0] for name, g in gradient.items()}
    return top.share(gradient)


def aligned(gradient, top):
    """Whether the top direction points to the gradient's side."""
    return sum((g.double() * top.vectors[name][0]).sum() for name, g in gradient.items()) >= 0
