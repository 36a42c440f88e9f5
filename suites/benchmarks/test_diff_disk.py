"""`harness diff` as a process: how fast it can count what changed in two files, and what it holds in memory."""

import harness as h
from suites.benchmarks.diff_runs import DIFF
from suites.benchmarks.paper import NO_PLANT, PAPER

SHARED = {"no_plant": NO_PLANT, "expect": {"tiny": "open"}, "family": DIFF}


@PAPER.claim(
    "count-at-half-the-disks-rate",
    says="Counting the bf16 entries that changed between two checkpoints on disk is at least half as fast as reading both",
    source="the diff's goals: the bit-exact mask alone, both with an empty page cache, wall time",
    metric="time to read both sides over time to count what changed",
    bound=h.above(0.5, on="log"),
    no_null="reading, which counts nothing, is as fast as itself",
    nightly=True,
    **SHARED,
)
def test_count_at_half_the_disks_rate(rng, tmp_path):
    """One layer of a 7B model, 0.8 GB for both sides."""
    from suites.benchmarks.diff_disk import rates, written

    found = rates(*written(tmp_path, "7b", 1), cold=True, rounds=1)
    return found.count / found.read


@PAPER.claim(
    "diff-memory-of-layers",
    says="Three layers take no more memory than one, within a tenth: peak memory depends on the largest matrix",
    source="the diff's goals: peak resident memory of a process of its own, shapes of SmolLM2",
    metric="peak of three layers over peak of one",
    bound=h.below(1.1, on="log"),
    no_null="one layer over itself is 1 and meets the bound: the sentence claims no difference",
    nightly=True,
    **SHARED,
)
def test_diff_memory_of_layers(rng, tmp_path):
    from suites.benchmarks.diff_disk import written
    from suites.benchmarks.diff_memory import peak

    one, three = (peak(*written(tmp_path / str(layers), "0.1b", layers)) for layers in (1, 3))
    return three / one


@PAPER.claim(
    "diff-memory-at-7b",
    says="Reading a 4096 x 11008 pair takes at most 1 GiB of resident memory, torch and interpreter included",
    source="the diff's goals: peak resident memory at the shapes of a 7B model",
    metric="peak resident memory, GiB",
    bound=h.below(1.0),
    no_null="a process that reads nothing holds 0.2 GiB and meets the bound: it grants the reader the rest",
    nightly=True,
    **SHARED,
)
def test_diff_memory_at_7b(rng, tmp_path):
    """Of the seven matrices of a layer the largest, which is wider than high, is read alone."""
    from suites.benchmarks.diff_disk import written
    from suites.benchmarks.diff_memory import peak

    return peak(*written(tmp_path, "7b", 1), where="down_proj")
