"""`harness merge` against the disk, against mergekit on the same three checkpoints, and what it holds; see merge_process."""

import shutil

import harness as h
import pytest
from suites.benchmarks.merge_process import NO_MERGEKIT
from suites.benchmarks.merge_runs import MERGING
from suites.benchmarks.paper import NO_PLANT, PAPER

SHARED = {"no_plant": NO_PLANT, "expect": {"tiny": "open"}, "family": MERGING, "nightly": True}
GRANTS = "mergekit against itself is no slower and no larger than itself: the sentence claims no difference"
GOAL = "step 4, benchmarks: merge throughput against the disk's read rate, and against mergekit on the same three checkpoints"
without = pytest.mark.skipif(bool(NO_MERGEKIT), reason=NO_MERGEKIT)


@PAPER.claim(
    "merge-at-half-the-disks-rate",
    says="Adding two task vectors to a base on disk is at least half as fast as reading the three checkpoints",
    source=GOAL + "; the diff's goal of one half, all with an empty page cache, wall time",
    metric="time to read three checkpoints over time to merge them, the fourth's writing included",
    bound=h.above(0.5, on="log"),
    no_null="reading, which merges nothing, is as fast as itself",
    **SHARED,
)
def test_merge_at_half_the_disks_rate(rng, tmp_path):
    from suites.benchmarks.diff_disk import drop
    from suites.benchmarks.merge_process import merged
    from suites.benchmarks.merge_runs import read_rate, written

    folders = written(tmp_path, rng.initial_seed() % 2**31)
    rate = read_rate(folders, cold=True, rounds=1)
    for file in folders.files:
        drop(file)
    found = merged("harness", "task-arithmetic", folders, tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    return folders.bytes / found.wall / rate


def as_fast(id, method):
    """Declare that a merge takes no longer than mergekit's."""
    return PAPER.claim(
        id,
        says=f"Merging three checkpoints by {method} takes no longer than with mergekit, within a tenth",
        source=GOAL,
        metric="CPU seconds of a merge over those of mergekit's, page cache warm",
        bound=h.below(1.1, on="log"),
        no_null=GRANTS,
        **SHARED,
    )


@without
@as_fast("merge-task-arithmetic", "task arithmetic")
def test_merge_task_arithmetic(race, rng, tmp_path):
    return over_mergekit(race, rng, tmp_path, "task-arithmetic")


@without
@as_fast("merge-ties", "TIES")
def test_merge_ties(race, rng, tmp_path):
    return over_mergekit(race, rng, tmp_path, "ties")


@without
@PAPER.claim(
    "merge-peak",
    says="Merging three checkpoints by task arithmetic holds no more memory than mergekit does, within a tenth",
    source=GOAL,
    metric="peak memory of the process over that of mergekit's, interpreter, torch and mapped pages included",
    bound=h.below(1.1, on="log"),
    no_null=GRANTS,
    **SHARED,
)
def test_merge_peak(rng, tmp_path):
    from suites.benchmarks.merge_process import WAYS, merged
    from suites.benchmarks.merge_runs import written

    folders = written(tmp_path, rng.initial_seed() % 2**31)
    ours, theirs = (merged(way, "task-arithmetic", folders, tmp_path / way).peak for way in WAYS)
    return ours / theirs


@PAPER.claim(
    "merge-memory-of-layers",
    says="Merging three layers takes no more memory than merging one, within a tenth: the peak depends on the largest tensor",
    source=GOAL,
    metric="peak memory of a merge of three layers over that of one layer, shapes of SmolLM2",
    bound=h.below(1.1, on="log"),
    no_null="one layer over itself is 1 and meets the bound: the sentence claims no difference",
    **SHARED,
)
def test_merge_memory_of_layers(rng, tmp_path):
    from harness.models.synthetic import SIZES
    from suites.benchmarks.merge_process import merged
    from suites.benchmarks.merge_runs import written

    def peak(layers):
        shapes = SIZES["0.1b"]._asdict() | {"layers": layers}
        folders = written(tmp_path / str(layers), rng.initial_seed() % 2**31, **shapes)
        return merged("harness", "task-arithmetic", folders, tmp_path / f"out-{layers}").peak

    return peak(3) / peak(1)


def over_mergekit(race, rng, folder, method):
    """The two merged models must be one to bf16's rounding, or the ratio is of two works."""
    from harness.errors import MeasureError
    from suites.benchmarks.merge_process import WAYS, furthest, merged
    from suites.benchmarks.merge_runs import written
    from suites.benchmarks.race import Seconds

    folders = written(folder, rng.initial_seed() % 2**31)
    outs = {way: folder / way for way in WAYS}

    def run(way):
        shutil.rmtree(outs[way], ignore_errors=True)
        return Seconds(merged(way, method, folders, outs[way]).cpu)

    found = race("ours", ours=lambda: run("harness"), reference=lambda: run("mergekit"), agree=None)
    apart = furthest(outs["harness"], outs["mergekit"], method, folders)
    if apart > 2**-8:
        raise MeasureError(f"the two merged models differ by {apart:.1e} of a tensor's largest entry.")
    return found
