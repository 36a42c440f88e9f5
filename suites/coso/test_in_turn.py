"""CoSO on a language model: sorting, then reversal. Is the constraint kept, and what does it keep and cost?"""

import harness as h
from suites.coso.in_turn import along, both, forgotten, ideal, untaught

PAPER = h.Paper("coso", arxiv="2505.11816", title="Continuous Subspace Optimization for Continual Learning")
CONSTRAINT, IN_TURN = "constraint in turn", "tasks in turn"

KEPT, LEAKS = 1e-5, 1e-2
"""Sheet C1."""

COST = 0.05
"""Accuracy on the new task that may be lost at no cost: sheet C2."""

UNPROTECTED = (h.swap(second_coso="second_random"), h.swap(second_coso="second_free"))
"""As many random directions left alone, and none: the same optimizer at the same rate from the same first task."""


@PAPER.claim(
    "projection-inside-keeps-the-constraint",
    says="Over the second task CoSO's update under Adam has less than 1e-5 of its norm along the first's directions",
    source="sheet peft_merge C1, derived: Adam acts on P^T G and P is off H; 2505.11816 Sec. 3 as quoted",
    metric="|dW H|_F / |dW|_F, the largest of 14 matrices",
    bound=h.below(KEPT),
    within="max",
    null=(h.null("swap", must="refuted", second_coso="second_gradient"), h.swap(second_coso="second_random")),
    no_plant="an identity up to rounding: every pair of tasks must satisfy it",
    expect={"tiny": "supported"},
    family=CONSTRAINT,
    nightly=True,
)
def test_projection_inside(second_coso, models):
    """Nulls: the gradient projected off the same H before Adam, and as many random directions left alone."""
    return along(second_coso, models.history(second_coso))


@PAPER.claim(
    "projected-gradient-leaks",
    says="Projected before Adam, the same gradient gives an update with over 1e-2 of its norm along the first's directions",
    source="sheet peft_merge C1 and P3: Adam's division entry by entry breaks a projection",
    metric="|dW H|_F / |dW|_F, median of 14 matrices",
    bound=h.above(LEAKS),
    null=h.swap(second_gradient="second_coso"),
    plant=h.swap(second_gradient="second_free"),
    expect={"tiny": "supported"},
    family=CONSTRAINT,
    nightly=True,
)
def test_projected_gradient(second_gradient, models):
    return along(second_gradient, models.history(second_gradient))


@PAPER.claim(
    "forgets-half-of-plain",
    says="Of the first task CoSO forgets at most half of what plain AdamW forgets",
    source="sheet peft_merge C2; 2505.11816 Tab. 1 as quoted: ImageNet-R 82.10/81.10/78.19 against 79.72/77.87/75.42",
    metric="accuracy on the first task lost to the second: CoSO's less half of plain AdamW's, each at its tuned rate",
    bound=h.below(0.0),
    null=UNPROTECTED,
    plant=h.variant(forgets=False),
    expect={"tiny": "open"},
    family=IN_TURN,
    nightly=True,
)
def test_forgets_half(first_coso, second_coso, first_adamw, second_adamw, forgets=True):
    """The plant forgets nothing: plain AdamW must forget something for it to pass."""
    mine = forgotten(first_coso, second_coso) if forgets else 0.0
    return mine - 0.5 * forgotten(first_adamw, second_adamw)


@PAPER.claim(
    "new-task-costs-nothing",
    says="On the new task CoSO ends at most .05 of accuracy below plain AdamW",
    source="sheet peft_merge C2; 2505.11816 as quoted: plasticity beside stability",
    metric="accuracy on the second task, CoSO less plain AdamW, each at its tuned rate",
    bound=h.above(-COST),
    null=h.variant(taught=False),
    plant=h.swap(second_coso="second_adamw"),
    expect={"tiny": "open"},
    family=IN_TURN,
    nightly=True,
)
def test_new_task(first_coso, second_coso, second_adamw, taught=True):
    """The null is CoSO before the second task."""
    mine = second_coso.accuracy if taught else untaught(first_coso, second_coso)
    return mine - second_adamw.accuracy


@PAPER.claim(
    "ends-with-more-of-both",
    says="After both tasks CoSO answers more of the two than plain AdamW",
    source="2505.11816 Tab. 1 as quoted: final accuracy over all tasks, 82.10 against 79.72 of the best other",
    metric="mean accuracy on both tasks at the end, CoSO less plain AdamW, each at its tuned rate",
    bound=h.above(0.0),
    null=UNPROTECTED,
    plant=h.variant(forgets=False),
    expect={"tiny": "open"},
    family=IN_TURN,
    nightly=True,
)
def test_more_of_both(first_coso, second_coso, first_adamw, second_adamw, forgets=True):
    """The plant is plain AdamW, had it forgotten nothing."""
    mine = both(first_coso, second_coso) if forgets else ideal(first_adamw, second_adamw)
    return mine - both(first_adamw, second_adamw)
