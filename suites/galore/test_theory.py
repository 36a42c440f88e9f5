"""Theorem 3.2 and Lemma 3.3 on draws of their own hypotheses, in fp64: do they hold, and do they say something?"""

import harness as h
from suites.galore import gradient_form, lemma
from suites.galore.paper import PAPER, THEORY

SLACK = 1e-6
"""Room for rounding in a bound on stable ranks, as in sheet T2."""


@PAPER.claim(
    "gradient-form-of-relu-nets",
    says="The gradient of every layer of a net of ReLUs without biases is (J'y - J'J W f) f'",
    source="Thm. 3.2 (a); sheet T1",
    metric="relative error of the closed form, worst layer of five, is at most 1e-12",
    bound=h.exact(True),
    null=h.variant(activation="tanh", tolerance=1e-3),
    plant=h.variant(activation="leaky"),
    expect={"tiny": "supported"},
    family=THEORY,
)
def test_gradient_form_of_relu_nets(rng, activation="relu", tolerance=1e-12):
    """The null is a net that is not reversible: it must miss even a thousandth."""
    return gradient_form.relative_error(gradient_form.drawn(rng, activation)) <= tolerance


@PAPER.claim(
    "gradient-form-of-polynomial-nets",
    says="The same form holds for polynomial activations, which Sec. 3.2 and App. B.1 count among reversible ones",
    source="Sec. 3.2 (deep ReLU/polynomial networks), App. B.1; the smallest case: squares",
    metric="relative error of the closed form, worst layer of five, is at most .001",
    bound=h.exact(True),
    null=h.variant(activation="tanh"),
    plant=h.variant(activation="relu"),
    expect={"tiny": "refuted"},
    family=THEORY,
)
def test_gradient_form_of_polynomial_nets(rng, activation="square", tolerance=1e-3):
    """Reversible asks for phi(z) = phi'(z) z, and z^2 = 2 z^2 / 2: each layer of squares doubles J W f."""
    return gradient_form.relative_error(gradient_form.drawn(rng, activation)) <= tolerance


def within_bound(course, residual=True):
    """Whether the bound holds at every step; without its residual term it is sr(P) alone."""
    return bool((course.ranks <= (course.bound if residual else course.parallel) + SLACK).all())


@PAPER.claim(
    "lemma-bound-holds",
    says="Descending the parametric gradient, its stable rank stays below Lemma 3.3's bound until the gradient has vanished",
    source="Lemma 3.3 on random mixtures of four products; sheet T2 and E1",
    metric="sr(G_t) is at most the bound + 1e-6 at every step with |G| above 1e-10 |W|",
    bound=h.exact(True),
    null=h.variant(residual=False),
    no_plant="every draw of the hypotheses must satisfy a theorem: draws are its plants",
    expect={"tiny": "supported"},
    family=THEORY,
)
def test_lemma_bound_holds(rng, residual=True):
    """Without the term that decays the bound is that of a gradient that was of low rank from the start."""
    return within_bound(lemma.course(lemma.drawn(rng)), residual)


@PAPER.claim(
    "lemma-bound-holds-for-every-mixture",
    says="Lemma 3.3's bound holds for any positive semidefinite B_i and C_i, also where the flattest direction has rank two",
    source="Lemma 3.3 as stated; its proof (B.3) takes the singular dyads of G's flat part for members of the flat eigenspace",
    metric="sr(G_t) is at most the bound + 1e-6 at every step, mixtures of six 2 x 2 products",
    bound=h.exact(True),
    null=h.variant(residual=False),
    plant=h.variant(side=1.0),
    expect={"tiny": "refuted"},
    family=THEORY,
)
def test_lemma_bound_holds_for_every_mixture(rng, side=-1.0, residual=True):
    """The plant starts on the other side of the same flat direction, where |G_t|_2 is what the proof takes it for, or more."""
    return within_bound(lemma.course(lemma.pair(rng, side)), residual)


@PAPER.claim(
    "lemma-bound-is-vacuous",
    says="On over half of the steps until the gradient has vanished Lemma 3.3's bound exceeds the number of rows",
    source="Lemma 3.3 read with its own numbers: what sheet T2 leaves out",
    metric="share of steps with |G| above 1e-10 |W| on which the bound is 12 or more",
    bound=h.above(0.5),
    null=h.variant(gap=0.1),
    no_plant="a gap chosen small enough would test division, which its own tests do",
    expect={"tiny": "supported"},
    family=THEORY,
)
def test_lemma_bound_is_vacuous(rng, gap=0.0):
    """The null has the two smallest eigenvalues a tenth of the largest apart, and not some thousandth as such mixtures do."""
    problem = lemma.drawn(rng, gap=gap)
    return (lemma.course(problem).bound >= min(problem.shape)).double().mean()


@PAPER.claim(
    "lemma-rank-falls",
    says="Descending the parametric gradient, its stable rank ends at 1.2 or less",
    source="Lemma 3.3 and Cor. 3.5 (the gradient becomes of low rank); sheet T2 and E1: 1.03-1.10",
    metric="sr(G_t) at the last step with |G| above 1e-10 |W|",
    bound=h.below(1.2),
    null=(h.variant(operator="flat"), h.variant(operator="rotated")),
    plant=h.variant(operator="decomposable", gap=0.1),
    expect={"tiny": "supported"},
    family=THEORY,
)
def test_lemma_rank_falls(rng, operator="mixture", gap=0.0):
    """No gap, no decay (sheet). And the same eigenvalues in random eigenvectors: is it the gap that the rank falls by, as the
    lemma has it, or that the flattest eigenvector of a few products is nearly a product itself? The plant's is one, and far
    enough below the others that it is all that is left at the end."""
    return lemma.course(lemma.drawn(rng, operator, gap)).ranks[-1]
