"""Every figure of docs/benchmarks.md, measured anew and printed as the rows of its tables.

    python -m suites.benchmarks.diff_table                   # everything: a quarter of an hour of one core, 1 GB of disk
    python -m suites.benchmarks.diff_table --only square disk

One seed, each figure once (disk and floor: the best of some). The claims of test_diff*.py judge the same ratios over seeds.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness import threads


class Line(NamedTuple):
    """A row: `ours` and `peer` in `unit`; `times` is the ratio that has a goal, larger being better unless `most`."""

    what: str
    shape: str
    ours: float
    peer: float | None
    unit: str
    times: float | None
    goal: float | None
    most: bool = False

    def __str__(self) -> str:
        met = "–" if self.goal is None or self.times is None else "yes" if (self.times <= self.goal) == self.most else "no"
        goal = "–" if self.goal is None else f"{'≤' if self.most else '≥'} {self.goal:g}"
        shown = [_shown(self.ours, self.unit), _shown(self.peer, self.unit), "–" if self.times is None else f"{self.times:.2f}"]
        return "| " + " | ".join([self.what, self.shape, *shown, goal, met]) + " |"


HEAD = "| what | shape | ours | peer | ratio | goal | met |\n| --- | --- | ---: | ---: | ---: | ---: | --- |"


def faster(what: str, shape: str, ours: float, peer: float, goal: float | None) -> Line:
    """A way against its peer, in CPU seconds."""
    return Line(what, shape, ours, peer, "CPU-s", peer / ours, goal)


def square() -> Iterator[Line]:
    """4096 x 4096 against two SVDs, and its floor."""
    from suites.benchmarks.diff_runs import SQUARE

    yield from _matrix(SQUARE)


def wide() -> Iterator[Line]:
    """4096 x 11008, the same."""
    from suites.benchmarks.diff_runs import WIDE

    yield from _matrix(WIDE)


def _matrix(shape: tuple[int, int]) -> Iterator[Line]:
    from suites.benchmarks.diff_disk import rates, written
    from suites.benchmarks.diff_floor import floor
    from suites.benchmarks.diff_runs import leading, matrices, naive, reader, rows, timed

    name, pair = " x ".join(map(str, shape)), matrices(shape)
    peer, _ = timed(lambda: naive(pair, leading(shape)))
    own = {}
    for values in ("fp64", "fp32"):
        own[values], _ = timed(lambda: rows(reader(pair, values), pair.w1))  # noqa: B023
        yield faster(f"all rows, values in {values}, against two fp32 SVDs", name, own[values], peer, 5)
    with tempfile.TemporaryDirectory() as folder:
        least = floor(pair, rates(*written(Path(folder), "1b", 1), cold=False).read)
    parts = f"reading {least.reading:.2f}, Gram {least.products:.1f}, eigvalsh {least.eigenvalues:.1f}"
    what, over = f"all rows, values in fp64, over their floor ({parts})", own["fp64"] / least.seconds
    yield Line(what, name, own["fp64"], least.seconds, "CPU-s", over, 2, most=True)
    known = reader(pair, frame="full")
    frame, _ = timed(lambda: known.base)
    first, _ = timed(lambda: rows(known, pair.w1))
    later, _ = timed(lambda: rows(known, pair.w1))
    yield faster("a base's full frame (peer: two fp32 SVDs)", name, frame, peer, None)
    yield faster("its first checkpoint", name, first, peer, None)
    yield faster("a later checkpoint", name, later, peer, 20)


def steps() -> Iterator[Line]:
    """Where the time of a 4096 x 4096 pair goes."""
    import cProfile
    import pstats
    import time

    from suites.benchmarks.diff_runs import SQUARE, matrices, reader, rows

    pair = matrices(SQUARE)
    for frame in ("auto", "full"):
        one = reader(pair, frame=frame)
        if frame == "full":
            rows(one, pair.w1)
        profile = cProfile.Profile(time.process_time)
        profile.runcall(rows, one, pair.w1)
        spent = {f"{Path(where).name}:{function}": each[3] for (where, _, function), each in pstats.Stats(profile).stats.items()}
        for function in STEPS[frame]:
            shape = "4096 x 4096, one pair" if frame == "auto" else "4096 x 4096, a later checkpoint"
            yield Line(f"of it, {function}", shape, spent.get(function, 0.0), None, "CPU-s", None, None)


ALWAYS = ("base_frame.py:turned", "krylov.py:refine", "spectral_density.py:of", "stored_change.py:stored_change")
STEPS = {
    "auto": ("gram_values.py:symmetric_gram", "gram_values.py:values_of_gram", "base_frame.py:_first", *ALWAYS),
    "full": ("second_order.py:predicted_values", "coordinates.py:of", *ALWAYS),
}
"""Functions whose time is told; refine is a part of _first and turned, Coordinates.of one of predicted_values."""


def weightwatcher() -> Iterator[Line]:
    """Singular values alone, against the package."""
    from suites.benchmarks.diff_runs import SQUARE, matrices, timed
    from suites.benchmarks.weightwatcher_peer import MISSING, as_loaded, ours, single, smollm2, theirs

    if MISSING:
        print(f"weightwatcher: {MISSING}")
        return
    for name, state, goal in (("SmolLM2, 210 matrices", smollm2(), 3), ("4096 x 4096", single(matrices(SQUARE).w0), 5)):
        loaded = as_loaded(state)
        small = {key: matrix[:64, :64] for key, matrix in loaded.items()}
        theirs(small), ours(small)  # imports stay outside
        peer, _ = timed(lambda: theirs(loaded))  # noqa: B023
        for dtype in ("fp64", "fp32"):
            own, _ = timed(lambda: ours(state, dtype))  # noqa: B023
            yield faster(f"singular values in {dtype}, against weightwatcher's SVD", name, own, peer, goal)


def disk() -> Iterator[Line]:
    """Reading a 7B layer, and counting what changed on the way."""
    from suites.benchmarks.diff_disk import rates, written

    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), "7b", 1)
        for cold in (True, False):
            found = rates(*paths, cold)
            state = "page cache empty, wall time" if cold else "page cache warm, CPU time"
            own, peer, goal = found.count / 1e9, found.read / 1e9, 0.5 if cold else None
            yield Line(f"count what changed (peer: read), {state}", "one 7B layer", own, peer, "GB/s", own / peer, goal)


def memory() -> Iterator[Line]:
    """Peaks of processes of their own; at 7B the largest of three, as what the allocator leaves lying varies."""
    from suites.benchmarks.diff_disk import written
    from suites.benchmarks.diff_memory import peak

    with tempfile.TemporaryDirectory() as folder:
        one, three = (peak(*written(Path(folder) / str(layers), "0.1b", layers)) for layers in (1, 3))
        yield Line("peak memory, 3 layers (peer: 1 layer)", "0.1B", three, one, "GiB", three / one, 1.1, most=True)
        one, three = (peak(*written(Path(folder) / f"1b-{layers}", "1b", layers), where="mlp.up") for layers in (1, 3))
        yield Line("peak memory, up_proj of 3 layers (peer: of 1)", "1B, 8192 x 2048", three, one, "GiB", three / one, 1.1, most=True)
        paths = written(Path(folder) / "7b", "7b", 1)
        for draws in (0, 1):
            own = max(peak(*paths, where="down_proj", draws=draws) for _ in range(3))
            yield Line(f"peak memory, {draws} null draws", "7B, 4096 x 11008", own, None, "GiB", own, 1, most=True)


PARTS: dict[str, Callable[[], Iterator[Line]]] = {
    part.__name__: part for part in (square, wide, steps, weightwatcher, disk, memory)
}


def whole_model(lines: list[Line]) -> str:
    """What 32 layers take on two cores, from the two shapes of one layer."""
    from suites.benchmarks.diff_runs import per_layer

    said = {}
    for values in ("fp64", "fp32"):
        found = [line for line in lines if line.what.startswith(f"all rows, values in {values}, against")]
        if len(found) == 2:
            ways = {f"values in {values}": [line.ours for line in found], "two fp32 SVDs of each": [line.peer for line in found]}
            said |= {way: (*each, 32 * per_layer(*each)) for way, each in ways.items()}
    return "\n".join(
        f"- {way}: 32 x (4 x {square:.1f} + 3 x {wide:.1f}) = {total:.0f} CPU-s = {total / 120:.0f} min on two free cores"
        for way, (square, wide, total) in said.items()
    )


def _shown(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.3g} {unit}"


def main(argv: list[str] | None = None) -> None:
    """Print rows as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m suites.benchmarks.diff_table", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"some of {', '.join(PARTS)}")
    given = parser.parse_args(argv)
    threads.configure()
    print(f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    lines = []
    for part in given.only:
        for line in PARTS[part]():
            lines.append(line)
            print(line, flush=True)
    print(f"\n{whole_model(lines)}\n\nload of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
