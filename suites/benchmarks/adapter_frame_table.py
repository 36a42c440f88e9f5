"""The figures of docs/benchmarks_adapters.md on fifty adapters in one frame, measured anew and printed as rows of its table.

    python -m suites.benchmarks.adapter_frame_table               # two minutes of one core
    python -m suites.benchmarks.adapter_frame_table --side 1024   # no matrix above that

CPU seconds of one thread, one seed, ours and its peers in turns, median of ROUNDS (one turn at 2048). test_adapters.py judges
the same ratios over seeds.
"""

import argparse
import os
from collections.abc import Iterator

from harness import threads
from suites.benchmarks.diff_table import HEAD, Line, faster
from suites.benchmarks.optimizer_table import in_turns

ROUNDS = 3
GOAL, FROM = 20, 1024
"""Times as fast as an SVD of each merged matrix, and from which side on."""


def frames(side: int) -> Iterator[Line]:
    """One frame against both ways of merging, for all sides up to the largest."""
    from suites.benchmarks.adapter_frame_runs import COUNT, RANK, SIDES, given, ours, reference

    for each in SIDES:
        if each > side:
            break
        one, where = given(each), f"{each} x {each}, {COUNT} of rank {RANK}"
        ways = (ours(one), reference(one), reference(one, "values"))
        own, svd, values = in_turns(*ways, rounds=ROUNDS if each < 2048 else 1)
        yield faster("one frame (peer: an SVD of each merged matrix)", where, own, svd, GOAL if each >= FROM else None)
        yield faster("one frame (peer: singular values of each, by Gram)", where, own, values, None)


def main(argv: list[str] | None = None) -> None:
    """Print rows as they are measured."""
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m suites.benchmarks.adapter_frame_table", description=about)
    parser.add_argument("--side", type=int, default=2048, metavar="N", help="largest side (default 2048)")
    given = parser.parse_args(argv)
    threads.configure()
    print(f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    for line in frames(given.side):
        print(line, flush=True)
    print(f"\nload of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
