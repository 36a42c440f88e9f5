"""Runs of a real language model merged with no data and no rollouts: RLVR of SmolLM2, its twin on other problems, and RAFT.

All three learn one task from one base, so that merging them asks what averaging costs, not what specialists undo. A third of
one run's update, its share of the mean, is a null: where that keeps the gain too, the others brought nothing.
"""

import harness as h
from suites.iso.merged_runs import kept
from suites.iso.paper import KEPT, PAPER

MERGED = "merged-runs"
"""Family of what one model keeps of several runs of a real one; judged nightly."""

METRIC = "gain in held-out success over the mean gain of the three runs"
SHUFFLED = h.null("variant", must="refuted", made="shuffled")
"""The merge's update with its entries permuted: its length alone must not bring the gain."""

A_THIRD_OF_ONE = h.variant(merge="part")
SINGLE = h.variant(merge="best")


@PAPER.claim(
    "merger-keeps-gain-of-runs",
    says="ISO-Merger of three RL runs of SmolLM2 keeps at least .95 of their mean gain",
    source="as quoted: merging with no data and no rollouts recovers 99.5 to 106 % of RL experts at 7B",
    metric=METRIC,
    bound=h.above(KEPT),
    null=(SHUFFLED, A_THIRD_OF_ONE),
    plant=SINGLE,
    expect={"small": "supported"},
    family=MERGED,
    nightly=True,
)
def test_merger_keeps_gain_of_runs(rlvr, rlvr_twin, raft, models, rng, merge="iso", made="trained"):
    """ISO-Merger retains each run at unit strength: where runs point one way, the merge is longer than their mean."""
    return kept(models, (rlvr, rlvr_twin, raft), merge, rng, made)


@PAPER.claim(
    "mean-keeps-gain-of-runs",
    says="The mean of three RL runs of SmolLM2 keeps at least .95 of their mean gain",
    source="the baseline of ISO-Merger as quoted; sheet H21, prior: average passes",
    metric=METRIC,
    bound=h.above(KEPT),
    null=A_THIRD_OF_ONE,
    plant=SINGLE,
    expect={"small": "open"},
    family=MERGED,
    nightly=True,
)
def test_mean_keeps_gain_of_runs(rlvr, rlvr_twin, raft, models, rng, merge="mean"):
    return kept(models, (rlvr, rlvr_twin, raft), merge, rng)


@PAPER.claim(
    "merger-beats-mean-of-runs",
    says="ISO-Merger of three RL runs of SmolLM2 keeps more of their gain than their mean does",
    source="as quoted: 63.80 against 62.88 of the best baseline; sheet H21, prior: pass",
    metric=METRIC + "; ISO-Merger less mean",
    bound=h.above(0.0),
    null=h.variant(merge="lengthened"),
    plant=h.variant(against="base"),
    expect={"small": "inconclusive"},
    family=MERGED,
    nightly=True,
)
def test_merger_beats_mean_of_runs(rlvr, rlvr_twin, raft, models, rng, merge="iso", against="mean"):
    """The null is the mean made as long as ISO-Merger's update, which is expected to be as far ahead."""
    arms = (rlvr, rlvr_twin, raft)
    return kept(models, arms, merge, rng) - kept(models, arms, against, rng)
