"""Does GaLore stand still where SGD converges, and what sets it free: random subspaces, other noise, larger batches?

Every replicate draws its own problem (counterexample.py); a claim's number is the norm of the true gradient after 2000 steps.
"""

import harness as h
from suites.golore.counterexample import REFRESH, final_gradient
from suites.golore.paper import CONVERGED, CONVERGENCE, PAPER, STANDS_STILL, TO_THE_END

STILL = h.variant(method="random", refresh=None)
"""Four random directions that never change: six of ten are out of reach, whatever the noise."""

METRIC = "norm of the true gradient after 2000 steps"


@PAPER.claim(
    "galore-does-not-converge",
    says="On the paper's convex problem GaLore ends with a true gradient of norm over 1, where SGD at the same rate converges",
    source="Sec. 3, the counterexample; sheet E3 and T6: 1.8-2.0, SGD 3e-14",
    metric=METRIC,
    bound=h.above(STANDS_STILL, on="log"),
    null=(
        h.null("variant", must="refuted", method="sgd"),
        h.null("variant", must="refuted", batch=4),
        h.null("variant", must="refuted", noise="isotropic"),
        h.null("variant", must="refuted", method="golore"),
    ),
    plant=STILL,
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_galore_does_not_converge(rng, method="galore", batch=1, noise="block", refresh=REFRESH):
    """Nulls: step length and noise (SGD), less noise, noise of that energy in all entries, a projection of rank 4 (GoLore)."""
    return final_gradient(rng, method, batch=batch, noise=noise, refresh=refresh)


@PAPER.claim(
    "golore-converges",
    says="GoLore, singular vectors for a quarter of the steps and random subspaces after, ends with a true gradient below .3",
    source="Sec. 5, convergence of GoLore in stochastic settings; sheet E3 and T6: .066-.17",
    metric=METRIC,
    bound=h.below(CONVERGED, on="log"),
    null=(
        h.null("variant", must="refuted", method="galore"),
        h.null("variant", must="refuted", method="random", refresh=None),
    ),
    plant=h.variant(method="sgd"),
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_golore_converges(rng, method="golore", refresh=REFRESH):
    """The second null is random too, but drawn once: drawing anew is what does it."""
    return final_gradient(rng, method, refresh=refresh)


@PAPER.claim(
    "random-subspaces-converge",
    says="Random subspaces from the first step on converge as well: a true gradient below .3, without any singular vector",
    source="the theorem on GoLore rests on random subspaces alone; sheet E3: .08-.15",
    metric=METRIC,
    bound=h.below(CONVERGED, on="log"),
    null=(h.null("variant", must="refuted", method="galore"), h.null("variant", must="refuted", refresh=None)),
    plant=h.variant(method="sgd"),
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_random_subspaces_converge(rng, method="random", refresh=REFRESH):
    return final_gradient(rng, method, refresh=refresh)


@PAPER.claim(
    "galore-converges-under-isotropic-noise",
    says="With Gaussian noise of the same energy in all entries, GaLore converges on that problem: a true gradient below .3",
    source="abstract: GaLore converges where the noise is isotropic; the variant of the counterexample is ours",
    metric=METRIC,
    bound=h.below(CONVERGED, on="log"),
    null=h.null("variant", must="refuted", noise="block"),
    plant=h.variant(method="sgd"),
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_isotropic_noise(rng, method="galore", noise="isotropic"):
    """The plant is SGD on the same noise: it shows how near any method comes at this step length."""
    return final_gradient(rng, method, noise=noise)


@PAPER.claim(
    "galore-converges-at-batch-4",
    says="On batches of 4 GaLore converges: a true gradient below .01",
    source="abstract: GaLore converges on batches that are large enough; sheet E3 and T6: 3.5e-5 to 2.5e-4",
    metric=METRIC,
    bound=h.below(TO_THE_END, on="log"),
    null=h.null("variant", must="refuted", batch=1),
    plant=h.variant(method="sgd"),
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_converges_at_batch_4(rng, method="galore", batch=4):
    """Four signs cancel in 3 of 8 draws, and a refresh on such a batch sees no noise: see the next claim."""
    return final_gradient(rng, method, batch=batch)


@PAPER.claim(
    "galore-converges-at-batch-5",
    says="On batches of 5, whose signs cannot cancel, GaLore converges as it does on 4: a true gradient below .01",
    source="ours: if size is what counts, a larger batch does no worse; |xi| is .2 or more here, so it should stand still",
    metric=METRIC,
    bound=h.below(TO_THE_END, on="log"),
    null=h.null("variant", must="refuted", batch=1),
    plant=h.variant(batch=4),
    expect={"tiny": "refuted"},
    family=CONVERGENCE,
)
def test_converges_at_batch_5(rng, batch=5):
    """The paper's theorem asks for batches that grow with the number of steps, so it does not promise this."""
    return final_gradient(rng, "galore", batch=batch)


@PAPER.claim(
    "galore-converges-at-batch-65",
    says="On batches of 65, odd as well, GaLore ends with a true gradient below .3",
    source="abstract: GaLore converges on batches that are large enough; 65 is the odd neighbour of sheet E3's 64",
    metric=METRIC,
    bound=h.below(CONVERGED, on="log"),
    null=h.null("variant", must="refuted", batch=1),
    plant=h.variant(method="sgd"),
    expect={"tiny": "supported"},
    family=CONVERGENCE,
)
def test_converges_at_batch_65(rng, method="galore", batch=65):
    return final_gradient(rng, method, batch=batch)
