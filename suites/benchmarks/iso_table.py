"""Every figure of docs/benchmarks_iso.md, measured anew and printed as the rows of its tables.

    PYTHONPATH=REFS python -m suites.benchmarks.iso_table     # everything: some ten minutes of one core, .5 GB of disk
    python -m suites.benchmarks.iso_table --only rl merging   # some: retractions steps training rl merging
    python -m suites.benchmarks.iso_table --side 1024         # no matrix with a shorter side above that

CPU seconds of one thread, ours and its peer in turns, median of ROUNDS (one turn from 2048 on). One seed. Without mergekit
(merge_process.py) its rows are left out. test_iso_optimizer.py and test_merging.py judge the same ratios over seeds.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from harness import threads
from suites.benchmarks.diff_table import HEAD, Line, faster
from suites.benchmarks.optimizer_table import in_turns

ROUNDS = 3
GOAL, RL_GOAL = 1.5, 1.07
PASSES = ((2048, ("newton-schulz", "block-cayley")), (8192, ("newton-schulz", "block-cayley", "polar")))
Part = Callable[[int], Iterator[Line]]


def over(what: str, shape: str, ours: float, peer: float, goal: float | None = None) -> Line:
    """Times as long as the peer, in CPU seconds."""
    return Line(what, shape, ours, peer, "CPU-s", ours / peer, goal, most=True)


def shapes(side: int) -> list[tuple[int, int]]:
    """Those to be measured."""
    from suites.benchmarks.iso_runs import SHAPES

    return [shape for shape in SHAPES if min(shape) <= side]


def turns(shape: tuple[int, int]) -> int:
    """Rounds of a shape."""
    return ROUNDS if min(shape) < 2048 else 1


def retractions(side: int) -> Iterator[Line]:
    """Of the longer side's frame, in time and in distance from the polar factor."""
    from suites.benchmarks.diff_runs import timed
    from suites.benchmarks.iso_runs import METHODS, error, retracted, turn

    for shape in shapes(side):
        one = turn(max(shape), min(shape))
        wanted = retracted("polar", one)
        apart = {name: error(retracted(name, one), wanted, one) for name in METHODS}
        ways = [lambda name=name: timed(lambda: retracted(name, one))[0] for name in METHODS]  # noqa: B023
        spent = dict(zip(METHODS, in_turns(*ways, rounds=turns(shape)), strict=True))
        where = f"frame {max(shape)} x {min(shape)}"
        for name in METHODS[:-1]:
            what = f"{name} (peer: polar by SVD), error {apart[name]:.1e} of the step"
            yield faster(what, where, spent[name], spent["polar"], None)


def steps(side: int) -> Iterator[Line]:
    """The optimizer's step alone."""
    from suites.benchmarks.iso_runs import METHODS, first_step, given, run

    for shape in shapes(side):
        one, where = given(shape), " x ".join(map(str, shape))
        count = 2 if min(shape) >= 2048 else 4
        names = METHODS if min(shape) < 2048 else METHODS[:2]
        ways = [run("adamw", one, count=40), *(run(name, one, count=count) for name in names)]
        reference, *spent = in_turns(*ways, rounds=turns(shape))
        for name, each in zip(names, spent, strict=True):
            fast = name in METHODS[:2] and shape == (1024, 1024)
            yield over(f"step, {name} (peer: AdamW, fused)", where, each, reference, GOAL if fast else None)
        yield Line("the SVD before the first step", where, first_step(one), None, "CPU-s", None, None)


def training(side: int) -> Iterator[Line]:
    """The same with a forward and a backward pass."""
    from suites.benchmarks.iso_runs import given, run

    shape = (min(side, 1024), min(side, 1024))
    one = given(shape)
    for tokens, names in PASSES:
        reference, *spent = in_turns(*(run(name, one, tokens, count=2) for name in ("adamw", *names)), rounds=2)
        where, goal = f"{' x '.join(map(str, shape))}, {tokens} tokens", GOAL if tokens == 8192 else None
        for name, each in zip(names, spent, strict=True):
            yield over(f"forward, backward and step, {name} (peer: AdamW, fused)", where, each, reference, goal)


def rl(side: int) -> Iterator[Line]:
    """A whole RL step of the tiny model."""
    from suites.benchmarks.grpo_step import tiny_base
    from suites.benchmarks.iso_rl_step import rl_step, tiny_recipe

    names = ("adamw", "adamw", "newton-schulz", "block-cayley", "polar")
    made = [tiny_base(0) for _ in names]
    runs = [rl_step(each.model, each.tokenizer, tiny_recipe(name), 0) for each, name in zip(made, names, strict=True)]
    reference, itself, *spent = in_turns(*runs)
    yield over("rlvr step, AdamW against itself", "tiny, 128 completions", itself, reference)
    for name, each in zip(names[2:], spent, strict=True):
        goal = RL_GOAL if name != "polar" else None
        yield over(f"rlvr step, iso by {name} (peer: AdamW)", "tiny, 128 completions", each, reference, goal)


def merging(side: int) -> Iterator[Line]:
    """Three checkpoints of 100 MB into a fourth, and reading them."""
    from suites.benchmarks import merge_process as process
    from suites.benchmarks.merge_runs import OPTIONS, read_rate, written

    ways = process.WAYS[:1] if process.NO_MERGEKIT else process.WAYS
    with tempfile.TemporaryDirectory() as folder:
        folders = written(Path(folder))
        out, size = Path(folder) / "out", f"3 x {folders.bytes / 3e6:.0f} MB"
        warm = read_rate(folders, cold=False)
        yield Line("reading, page cache empty, wall time", size, read_rate(folders, cold=True) / 1e9, None, "GB/s", None, None)
        yield Line("reading, page cache warm, CPU time", size, warm / 1e9, None, "GB/s", None, None)
        idle = {way: process.merged(way, "nothing", folders, out).peak for way in ways}
        for method in OPTIONS:
            found = {way: [] for way in ways}
            for at in range(2):
                for way in ways:
                    found[way].append(process.merged(way, method, folders, Path(folder) / f"{way}{at}"))
                if len(ways) == 2 and not at:
                    apart = process.furthest(*(Path(folder) / f"{way}0" for way in ways), method, folders)
                for way in ways:
                    shutil.rmtree(Path(folder) / f"{way}{at}")
            spent = {way: median(each.cpu for each in found[way]) for way in ways}
            own = folders.bytes / spent["harness"] / 1e9
            yield Line(f"{method} (peer: reading), CPU time", size, own, warm / 1e9, "GB/s", own * 1e9 / warm, None)
            if len(ways) == 1:
                print(f"mergekit: {process.NO_MERGEKIT}")
                continue
            yield faster(f"{method} (peer: mergekit), entries within {apart:.0e} of the largest", size, *spent.values(), None)
            peaks = [max(each.peak for each in found[way]) for way in ways]
            above = [peak - idle[way] for peak, way in zip(peaks, ways, strict=True)]
            for what, both in (("peak of the process", peaks), ("peak above imports", above)):
                yield Line(f"{method}, {what} (peer: mergekit)", size, *both, "GiB", both[0] / both[1], None, most=True)


PARTS: dict[str, Part] = {part.__name__: part for part in (retractions, steps, training, rl, merging)}


def main(argv: list[str] | None = None) -> None:
    """Print rows as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m suites.benchmarks.iso_table", description=__doc__.partition("\n")[0])
    some = f"some of {', '.join(PARTS)}"
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=some)
    parser.add_argument("--side", type=int, default=2048, metavar="N", help="largest shorter side (default 2048)")
    given = parser.parse_args(argv)
    threads.configure()
    print(f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    for part in given.only:
        for line in PARTS[part](given.side):
            print(line, flush=True)
    print(f"\nload of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
