"""Task arithmetic: is a sum of task vectors worth having, for whom, and how long may they be?"""

import harness as h
from suites.task_vectors.paper import MERGING, METRIC, SHUFFLED
from suites.task_vectors.specialists import Specialists

PAPER = h.Paper("task-arithmetic", arxiv="2212.04089", title="Editing Models with Task Arithmetic")

LARGE = 0.2
"""Relative size of an update at which merging is said to collapse (sheet, 3.5: .19 to .30)."""

OF_THE_BASE = 0.08
"""Value over the base's that no rule passed there."""


@PAPER.claim(
    "sum-beats-every-specialist",
    says="On the mean of the tasks the scaled sum of three RL specialists does more than any one of them",
    source="Sec. 4.2 as quoted: one model for several tasks; sheet 3.5: task arithmetic .95 - .97 of the specialists",
    metric=METRIC + "; the tuned sum less the best specialist",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=h.variant(against="base"),
    expect={"tiny": "supported"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_sum_beats_every_specialist(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="best"):
    """The null merges shuffled specialists; what they are compared with is the best one as trained."""
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    other = s.value(s.base) if against == "base" else max(s.value(each) for each in s.trained)
    return s.best("task-arithmetic") - other


@PAPER.claim(
    "rl-merges-better-than-sft",
    says="Of their own specialists' success RL specialists keep more in a scaled sum than SFT specialists of the same tasks",
    source="2607.19331 as quoted: RL models merge without data; sheet 3.5: .951, .950, .974 against .933, .950, .963",
    metric=METRIC + "; RL less SFT, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=h.variant(of_sft="shuffled"),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_rl_merges_better(
    rlvr_addition, rlvr_sorting, rlvr_reversal, sft_addition, sft_sorting, sft_reversal, models, rng,
    made="trained", of_sft="same",
):  # fmt: skip
    rl = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    sft = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made if of_sft == "same" else of_sft)
    return rl.best("task-arithmetic") - sft.best("task-arithmetic")


@PAPER.claim(
    "rl-merges-better-at-equal-gain",
    says="What RL specialists gained on the base survives a scaled sum to a larger share than what SFT specialists gained",
    source="the same sentence about the gain: a specialist that hardly left the base keeps its success in any merge",
    metric="(success merged - base) / (specialist - base), mean of the tasks, RL less SFT, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=h.variant(of_sft="shuffled"),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_rl_merges_better_at_equal_gain(
    rlvr_addition, rlvr_sorting, rlvr_reversal, sft_addition, sft_sorting, sft_reversal, models, rng,
    made="trained", of_sft="same",
):  # fmt: skip
    rl = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    sft = Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made if of_sft == "same" else of_sft)
    shares = [sum(each.gained(each.tuned("task-arithmetic").state)) / 3 for each in (rl, sft)]
    return shares[0] - shares[1]


@PAPER.claim(
    "long-updates-do-not-merge",
    says="Of specialists stretched to .2 of the base's norm neither mean nor ISO-Merger is over .08 better than the base",
    source="sheet 3.5: at relative sizes .19 to .30 the best rule is within .04 - .08 of the base; .02 to .04 merge",
    metric=METRIC + "; the better of mean and ISO-Merger less the base",
    bound=h.below(OF_THE_BASE),
    null=h.variant(rel=0.0),
    plant=SHUFFLED,
    expect={"tiny": "supported"},
    family=MERGING,
    nightly=True,
    version=2,
    why="the code it shares with KnOTS learned a factor for means of vectors; what it does for this rule is as it was",
)
def test_long_updates_do_not_merge(rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, rel=LARGE, made="trained"):
    """A stretched update stands in for a longer training, of which there is no run; the null is the specialists as trained."""
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made, rel or None)
    return max(s.best("mean"), s.best("iso")) - s.value(s.base)
