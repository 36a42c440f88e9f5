"""Every figure of docs/benchmarks_optimizers.md, measured anew and printed as the rows of its tables.

    PYTHONPATH=REFS python -m suites.benchmarks.optimizer_table     # everything: a quarter of an hour of one core
    python -m suites.benchmarks.optimizer_table --only subspace memory

CPU seconds of one thread; ours and its peer in turns, the median of ROUNDS. One seed. galore-torch and apollo-torch are not
part of the environment; without them their rows are left out. The claims of test_optimizer*.py judge the same ratios over seeds.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from statistics import median

from harness import threads
from suites.benchmarks.diff_table import HEAD, Line, faster

ROUNDS = 3
Run = Callable[[], float]


def in_turns(*runs: Run, rounds: int = ROUNDS) -> list[float]:
    """Medians of what each run says it took."""
    spent = [[run() for run in runs] for _ in range(rounds)]
    return [median(each) for each in zip(*spent, strict=True)]


def subspace() -> Iterator[Line]:
    """P against torch.linalg.svd, and what it shares with the truth."""
    from suites.benchmarks import optimizer_runs as runs
    from suites.benchmarks.diff_runs import timed

    for shape in runs.SHAPES:
        for kind in runs.KINDS:
            matrix = runs.gradient(shape, kind)
            directions = runs.truth(matrix)
            for part in (4, 8):
                rank = min(shape) // part
                shares = [runs.shared(way(matrix, rank), directions) for way in (runs.by_ours, runs.by_svd)]
                ways = (runs.by_ours, runs.by_svd, runs.by_turned_svd)
                own, svd, quick = in_turns(*(lambda way=way: timed(lambda: way(matrix, rank))[0] for way in ways))  # noqa: B023
                said = f"{kind}, r = {rank}: overlap {shares[0]:.6f}, of the fp32 SVD {shares[1]:.6f}"
                where, goal = " x ".join(map(str, shape)), 5 if min(shape) >= 1024 else None
                yield faster(f"subspace, {said}", where, own, svd, goal)
                if shape[0] < shape[1]:
                    yield faster(f"subspace, {kind}, r = {rank}, against the SVD of the transpose", where, own, quick, goal)


def steps() -> Iterator[Line]:
    """A step of ours against the authors'."""
    from suites.benchmarks import optimizer_runs as runs

    for name, why in (("galore", runs.NO_GALORE), ("apollo", runs.NO_APOLLO)):
        if why:
            print(f"{name}: {why}")
            continue
        for shape in runs.SHAPES:
            matrix = runs.gradient(shape, "noisy")
            for part in (4, 8):
                rank = min(shape) // part
                both = [make(name, matrix, rank) for make in (runs.our_step, runs.their_step)]
                found = [[runs.cost(step) for step in both] for _ in range(ROUNDS)]
                own, peer = (runs.Cost(*map(median, zip(*each, strict=True))) for each in zip(*found, strict=True))
                what, where = f"{name} (peer: {name}-torch), r = {rank}", " x ".join(map(str, shape))
                yield faster(f"{what}: step that refreshes", where, own.refresh, peer.refresh, None)
                yield faster(f"{what}: step between", where, own.step, peer.step, None)
                yield faster(f"{what}: amortised over 200", where, own.amortised(), peer.amortised(), None)


def training() -> Iterator[Line]:
    """A training step against AdamW's, amortised over 200."""
    from suites.benchmarks.optimizer_runs import cost
    from suites.benchmarks.optimizer_training import training_step

    for width in (512, 1024):
        for tokens in (1024, 2048):
            names = ("adamw", "adamw loop", "galore", "apollo", "apollo-mini", "galore, r = n/8")
            given = [(name.partition(",")[0], width // (8 if "n/8" in name else 4)) for name in names]
            ways = [training_step(name, width, rank, tokens=tokens) for name, rank in given]
            reference, *others = in_turns(*(lambda way=way: cost(way).amortised() for way in ways))
            for name, rank, spent in zip(names[1:], [rank for _, rank in given[1:]], others, strict=True):
                ranked = f", r = {rank}" if name.partition(",")[0] in ("galore", "apollo") else ""
                what = f"training step, {name.partition(',')[0]}{ranked}"
                goal = 1.15 if "adamw" not in name and tokens == 2048 else None
                yield Line(
                    f"{what} (peer: AdamW, fused)", f"width {width}, {tokens} tokens", spent, reference, "CPU-s",
                    spent / reference, goal, most=True,
                )  # fmt: skip


def memory() -> Iterator[Line]:
    """State, and peaks of processes of their own, above what the weights alone take."""
    from suites.benchmarks.optimizer_memory import METHODS, measured

    base, *found = (measured(method) for method in METHODS)
    adamw = found[0]
    yield Line("peak of the process that only builds the model", "67M parameters", base.peak, None, "GiB", None, None)
    for method, each in zip(METHODS[1:], found, strict=True):
        peer = (method, "67M parameters")
        yield Line(f"state, {peer[0]} (peer: AdamW)", peer[1], each.state, adamw.state, "GiB", each.state / adamw.state, None)
        own, other = each.peak - base.peak, adamw.peak - base.peak
        yield Line(f"peak above the weights, {peer[0]} (peer: AdamW)", peer[1], own, other, "GiB", own / other, None)


PARTS: dict[str, Callable[[], Iterator[Line]]] = {part.__name__: part for part in (subspace, steps, training, memory)}


def main(argv: list[str] | None = None) -> None:
    """Print rows as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m suites.benchmarks.optimizer_table", description=__doc__.partition("\n")[0])
    some = f"some of {', '.join(PARTS)}"
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=some)
    given = parser.parse_args(argv)
    threads.configure()
    print(f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    for part in given.only:
        for line in PARTS[part]():
            print(line, flush=True)
    print(f"\nload of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
