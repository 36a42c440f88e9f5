"""What do steps inside the Hessian's top space reach, and steps outside of it? Against steps of the same size elsewhere.

From step 100 on a walk takes a part of every gradient; the walk it is compared with takes all of it, on the same batches.
"""

import harness as h
from suites.tiny_subspaces.bench import branch, pace, problem, progress, switched
from suites.tiny_subspaces.paper import KEPT, PAPER, STALLED, STEPS


def walks(rng, space, part):
    """Losses of the walk with that part of the gradient, and of SGD."""
    drawn = problem(rng)
    weights = switched(drawn)
    return branch(drawn, weights, rng, space=space, part=part), branch(drawn, weights, rng)


@PAPER.claim(
    "dom-sgd-stalls",
    says="SGD inside the Hessian's top space lowers the loss by at most a twentieth of what SGD does from there",
    source="Song et al. Sec. 3, Fig. 1; sheet E11 and T17: .45 % and .68 %",
    metric="loss drop over 500 steps, as a share of SGD's",
    bound=h.below(STALLED),
    null=(h.null("variant", must="refuted", part="all"), h.null("variant", must="refuted", space="matched")),
    plant=h.variant(space="random"),
    expect={"tiny": "supported"},
    family=STEPS,
)
def test_dom_sgd_stalls(rng, space="top", part="inside"):
    """The second null has steps as long, and as far along the batch's gradient: if it stalled, their size would be the reason.

    The plant is five directions that nobody chose, with 1/80 of the gradient.
    """
    return progress(*walks(rng, space, part))


@PAPER.claim(
    "bulk-sgd-reaches-as-low",
    says="SGD outside the top space lowers the loss by at least nine tenths of what SGD does",
    source="Song et al. Sec. 3, Fig. 1; sheet E11 and T17: 99.6 % and 99.5 %",
    metric="loss drop over 500 steps, as a share of SGD's",
    bound=h.above(KEPT),
    null=(h.variant(space="matched"), h.null("variant", must="refuted", part="inside")),
    plant=h.variant(space="random"),
    expect={"tiny": "inconclusive"},
    family=STEPS,
    nightly=True,
)
def test_bulk_sgd_reaches_as_low(rng, space="top", part="outside"):
    """The first null loses as much of every gradient in a direction at random. It had .92 and .94 on two draws that are none
    of these: late losses are near their end, so a share of the drop cannot tell a walk that is a quarter slower."""
    return progress(*walks(rng, space, part))


@PAPER.claim(
    "bulk-sgd-is-no-slower",
    says="SGD needs at least nine tenths of the steps to reach the loss at which SGD outside the top space ends",
    source="Song et al. Sec. 3: projecting the space out is as effective; T17's nine tenths, of steps and not of the drop",
    metric="steps that SGD spends above the walk's last loss, over its 500 steps",
    bound=h.above(KEPT),
    null=(h.variant(space="matched"), h.null("variant", must="refuted", part="inside")),
    plant=h.variant(space="random"),
    expect={"tiny": "supported"},
    family=STEPS,
    nightly=True,
)
def test_bulk_sgd_is_no_slower(rng, space="top", part="outside"):
    """If losing what the space holds of a gradient costs no time, it was worth nothing; the null loses as much elsewhere."""
    return pace(*walks(rng, space, part))
