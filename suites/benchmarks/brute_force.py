"""What the benchmarks of measures share: the claim that a measure beats its brute-force form, one matrix, empty caches."""

import harness as h
from suites.benchmarks.paper import ITSELF, MEASURES, NO_PLANT, PAPER

SIZES = (0.5, 1.0)
"""Two checkpoints of a run: the same update at growing size. Real runs have more, which only helps what is remembered."""

MARGIN = 0.8
"""Of the reference's time: a fifth less is more than what the clock shows between two timings of the same function."""


def faster(id, *, than, expect="supported"):
    """Declare that a measure takes less time than its brute-force form."""
    return PAPER.claim(
        id,
        says=f"It takes at most four fifths of the time of {than}, to the same result",
        source="step 2, benchmarks: each measure against its brute-force form",
        metric=f"time, ours over {than}",
        bound=h.below(MARGIN, on="log"),
        null=ITSELF,
        no_plant=NO_PLANT,
        expect={"small": expect},
        needs=("real-weights",),
        family=MEASURES,
        version=2,
        why="version 1 asked for less time at all (a tenth of it for change-density); timed against itself the reference met 1 once, "
        "so a margin above the clock's own spread is asked for, the same of every measure; principal-angles, first registered as "
        "supported, read .90 on a busy machine and is open",
    )


def one(noise):
    """The change of the largest matrix alone."""
    name = max(noise.base, key=lambda name: noise.base[name].numel())
    return h.Change({name: noise.base[name]}, {name: noise.update[name]})


def cold(measure, change, sizes=(1.0,)):
    """The measure of each checkpoint, as numbers; nothing is remembered from before, something may be from one to the next."""
    from harness.spectra.content_cache import SHARED

    SHARED.clear()
    return [value for size in sizes for value in measure(change.scaled(size)).values()]


def sides(change, size):
    """W0, W0 + s D and s D of the one matrix, fp64."""
    [(name, base)] = change.base.items()
    update = change.update[name] * size
    return base.double(), base.double() + update, update
