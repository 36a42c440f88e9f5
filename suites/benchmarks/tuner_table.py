"""The table of docs/benchmarks_adapters.md on training steps, measured anew and printed row by row.

    python -m suites.benchmarks.tuner_table                     # every tuner that trains: ten minutes of one core
    python -m suites.benchmarks.tuner_table --only lora dora    # some

Each tuner steps in turns with LoRA in one process, on one batch: ROUNDS turns, the median of their ratios of CPU seconds.
test_tuner_steps.py judges two of these ratios over seeds.
"""

import argparse
import gc
import os
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from harness import threads

ROUNDS = 5
HEAD = "| tuner | trains | step over LoRA's | state, MiB | held for backward, MiB |\n| --- | ---: | ---: | ---: | ---: |"


class Row(NamedTuple):
    """A tuner: numbers that train, its step over LoRA's, bytes of its state and of what is held for the backward pass."""

    tuner: str
    trains: int
    over_lora: float
    state: int
    held: int

    def __str__(self) -> str:
        return f"| {self.tuner} | {self.trains:,} | {self.over_lora:.2f} | {self.state / 2**20:.2f} | {self.held / 2**20:.1f} |"


def rows(names: list[str], rounds: int = ROUNDS, **size: int) -> Iterator[Row]:
    """A row a tuner, as it is measured."""
    from suites.benchmarks.tuner_runs import counted, stepping

    lora = stepping("lora", **size)
    for name in names:
        made = lora if name == "lora" else stepping(name, **size)
        over, count = median(made.step() / lora.step() for _ in range(rounds)), counted(made)
        yield Row(name, sum(p.numel() for p in made.trained.values()), over, count.state, count.held)
        del made
        gc.collect()


def known() -> list[str]:
    """`full`, and every tuner that can be trained here, in the order of the table of tuners."""
    from harness.models.adapters import TUNERS
    from suites.benchmarks.tuner_runs import FULL

    return [FULL, *(name for name, row in TUNERS.items() if row.trains)]


def main(argv: list[str] | None = None) -> None:
    """Print rows as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m suites.benchmarks.tuner_table", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=known(), default=known(), metavar="TUNER", help="some of them")
    given = parser.parse_args(argv)
    threads.configure()
    print(f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    for row in rows(given.only):
        print(row, flush=True)
    print(f"\nload of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
