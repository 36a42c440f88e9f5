"""CoSO: a second task is learned off the subspace of the first. Two small tasks stand for the paper's images (two_tasks.py)."""

import harness as h
from suites.subspace_methods.two_tasks import learned_in_turn

PAPER = h.Paper("coso", arxiv="2505.11816", title="Continuous Subspace Optimization for Continual Learning")
TASKS, CALIBRATION = "tasks", "calibration"


@PAPER.claim(
    "history-is-left-alone",
    says="Over the second task no weight moves along the subspace of the first: |dW H| is at most 1e-6 of |dW|, in fp32",
    source="abstract (orthogonal to the historical task subspace); sheet T24",
    metric="|dW H|_F / |dW|_F, the larger of two matrices",
    bound=h.below(1e-6),
    within="max",
    null=(h.variant(protect="nothing"), h.variant(protect="random")),
    no_plant="an identity up to rounding: every pair of tasks must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_history_is_left_alone(rng, protect="history"):
    """Nulls: GaLore, and as many random directions left alone in H's place."""
    return learned_in_turn(rng, protect).touched


@PAPER.claim(
    "forgets-less-than-galore",
    says="After a second task the loss of the first is lower with CoSO than with unconstrained GaLore",
    source="abstract and Tab. 1 (best final accuracy); sheet T24",
    metric="loss of the first task after the second, CoSO over GaLore",
    bound=h.below(1.0, on="log"),
    null=h.variant(protect="random"),
    plant=h.variant(protect="still"),
    expect={"tiny": "supported"},
    family=TASKS,
    nightly=True,
)
def test_forgets_less(rng, protect="history"):
    """The null leaves as many random directions alone: any constraint might slow the second task. The plant has none."""
    state = rng.get_state()
    mine, galore = (learned_in_turn(rng.set_state(state), how) for how in (protect, "nothing"))
    return mine.first[-1] / galore.first[-1]


@PAPER.claim(
    "still-learns",
    says="Nor is that bought by not learning: CoSO lowers the second task's loss by over nine tenths of what GaLore does",
    source="abstract (plasticity beside stability); nine tenths is ours",
    metric="fall of the second task's loss, CoSO over GaLore",
    bound=h.above(0.9),
    null=h.variant(protect="still"),
    plant=h.variant(protect="nothing"),
    expect={"tiny": "open"},
    family=TASKS,
    nightly=True,
)
def test_still_learns(rng, protect="history"):
    state = rng.get_state()
    mine, galore = (learned_in_turn(rng.set_state(state), how).second for how in (protect, "nothing"))
    return (mine[0] - mine[1]) / (galore[0] - galore[1])
