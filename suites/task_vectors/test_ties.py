"""TIES: trimming, electing signs, merging what agrees. Does it merge better, and what does trimming alone cost?"""

import harness as h
from suites.task_vectors.paper import MERGING, METRIC, OVER_BASE, SHUFFLED, TABLE, ahead
from suites.task_vectors.specialists import Specialists, masked

PAPER = h.Paper("ties", arxiv="2306.01708", title="TIES-Merging: Resolving Interference When Merging Models")

KEPT = 0.95
"""Share of a specialist's success that its largest fifth of entries is to keep: the paper's "comparable", a number of ours."""


@PAPER.claim(
    "beats-task-arithmetic",
    says="TIES merges three RL specialists into a better model than task arithmetic",
    source=f"abstract; {TABLE}: 79.7, 73.2, 68.2 against 75.4, 70.5, 65.8",
    metric=METRIC + "; TIES less task arithmetic, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_beats_task_arithmetic(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="task-arithmetic"
):
    return ahead(Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made), "ties", against)


@PAPER.claim(
    "beats-task-arithmetic-of-sft",
    says="TIES merges three SFT specialists into a better model than task arithmetic",
    source=f"abstract; {TABLE}: 79.7, 73.2, 68.2 against 75.4, 70.5, 65.8; fine-tuned by imitation, as here",
    metric=METRIC + "; TIES less task arithmetic, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_beats_task_arithmetic_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", against="task-arithmetic"
):
    return ahead(Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made), "ties", against)


@PAPER.claim(
    "signs-matter",
    says="Electing signs merges better than adding what trimming left",
    source="ablation as quoted: without elected signs TIES loses; the sum of the same trimmed task vectors is what is left",
    metric=METRIC + "; TIES less the sum of the trimmed, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_signs_matter(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="trimmed"):
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal)
    s = Specialists(models, experts, rng, made)
    if against == "base":
        return ahead(s, "ties", against)
    return s.best("ties") - s.with_states([trimmed(s.base, each) for each in s.states]).best("task-arithmetic")


@PAPER.claim(
    "largest-fifth-keeps-specialist",
    says="The largest fifth of the entries of its update keeps over .95 of a specialist's success",
    source="Sec. 3.1 as quoted: the top 20 % perform as all; sheet 3.5: .86 to .95 are kept",
    metric="success of the trimmed specialist over its own, mean of the three tasks",
    bound=h.above(KEPT),
    null=h.variant(mask="random"),
    plant=h.variant(density=1.0),
    expect={"tiny": "refuted"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_largest_fifth_keeps_specialist(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, density=0.2, mask="largest"
):
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng)
    if mask == "random":
        return s.retained([masked(s.base, each, density, rng) for each in s.states])
    return s.retained([trimmed(s.base, each, density) for each in s.states])


def trimmed(base, state, density=0.2):
    """One specialist with the largest entries of its update over the whole model: TIES of it alone."""
    return h.merge("ties", base, [state], density=density, scope="model")
