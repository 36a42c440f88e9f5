"""DARE: nine tenths of an update dropped at random, the rest times ten. Is nothing lost?"""

import harness as h
from suites.task_vectors.paper import MERGING, METRIC, NOISE
from suites.task_vectors.specialists import Specialists, drawn_seed, masked

PAPER = h.Paper(
    "dare",
    arxiv="2311.03099",
    title="Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch",
)

DROPPED = 0.9
"""Share of entries that is dropped; the paper goes on to .99 for large models."""

KEPT = 0.95
"""Share of a specialist's success that is to be kept: "without affecting" of the paper, in numbers of ours."""


@PAPER.claim(
    "keeps-specialist",
    says="With .9 of its update dropped at random and the rest times 10 a specialist keeps over .95 of its success",
    source="abstract: 90 % or even 99 % of the delta parameters of SFT models are eliminated without affecting their abilities",
    metric="success of the sparse specialist over its own, mean of the three tasks",
    bound=h.above(KEPT),
    null=h.variant(rescaled=False),
    plant=h.variant(drop=0.0),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_keeps_specialist(sft_addition, sft_sorting, sft_reversal, models, rng, drop=DROPPED, rescaled=True):
    """The null is the paper's own control: dropped, and not rescaled."""
    s = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng)
    if not rescaled:
        return s.retained([masked(s.base, each, 1.0 - drop, rng) for each in s.states])
    return s.retained([h.merge("dare", s.base, [each], drop=drop, seed=drawn_seed(rng)) for each in s.states])


@PAPER.claim(
    "keeps-rl-specialist",
    says="With .9 of its update dropped at random and the rest times 10 an RL specialist keeps over .95 of its success",
    source="the abstract's sentence about SFT, of RL's updates",
    metric="success of the sparse specialist over its own, mean of the three tasks",
    bound=h.above(KEPT),
    null=h.variant(rescaled=False),
    plant=h.variant(drop=0.0),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_keeps_rl_specialist(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, drop=DROPPED, rescaled=True):
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng)
    if not rescaled:
        return s.retained([masked(s.base, each, 1.0 - drop, rng) for each in s.states])
    return s.retained([h.merge("dare", s.base, [each], drop=drop, seed=drawn_seed(rng)) for each in s.states])


@PAPER.claim(
    "keeps-task-arithmetic",
    says="Task arithmetic of updates with .9 dropped is at most .02 below that of whole ones",
    source="Sec. 4.3 as quoted: DARE before merging keeps or improves the merge",
    metric=METRIC + "; DARE less task arithmetic, both tuned",
    bound=h.above(-NOISE),
    null=h.variant(drop=0.999),
    plant=h.variant(drop=0.0),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_keeps_task_arithmetic(sft_addition, sft_sorting, sft_reversal, models, rng, drop=DROPPED):
    """The null drops all but a thousandth: what is left must not pass for the merge."""
    s = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng)
    return s.best("dare", drop=drop, seed=drawn_seed(rng)) - s.best("task-arithmetic")
