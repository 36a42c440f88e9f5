"""Two ways to the same result, timed in turns.

    ratio = median seconds of the contender / median seconds of the reference

Source: what other work on the machine costs falls on both sides of a ratio whose two times are taken in turns; spread 0.3 %
within a job against 26 % between jobs (namecheap/fast_mail_parser PR 128).
Trap: a faster way to another result is no faster way. Both run once before the clock starts, and must agree.
Trap: at a bound of 1 the reference against itself passes once in twenty sessions; a margin keeps the null's side clear.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from harness.errors import MeasureError

Run = Callable[[], Any]


class Seconds(float):
    """What a run returns that timed itself, so that its set-up stays out; otherwise the whole call counts."""


class Race:
    """The fixture `race`: times two runs against each other, and shows the first one in pytest-benchmark's table.

    Args:
        benchmark: pytest-benchmark's fixture; it takes one measurement a test, that of the first replicate.
    """

    def __init__(self, benchmark: Any):
        self.benchmark = benchmark
        self.shown = False

    def __call__(
        self, contender: str, *, ours: Run, reference: Run, rounds: int = 1, agree: float | None = 1e-9
    ) -> float:
        """Time of the contender over that of the reference.

        Args:
            contender: "ours", or "reference" for the null.
            ours, reference: each does the whole work anew; they return numbers that must agree, or their own Seconds.
            rounds: turns; the ratio is one of medians. Replicates are turns too, so one is enough for runs of 10 ms and more.
            agree: largest relative difference of the two results; None where they are not compared. What is compared has
                run once before the clock starts.

        Raises:
            MeasureError: the two results differ.
        """
        first = {"ours": ours, "reference": reference}[contender]
        if agree is not None and first is ours:
            check(ours(), reference(), agree)
        if not self.shown:
            self.shown = True
            self.benchmark.pedantic(ours, rounds=rounds)
        times = [(seconds(first), seconds(reference)) for _ in range(rounds)]
        return median(own for own, _ in times) / median(other for _, other in times)


def seconds(run: Run) -> float:
    """Wall time of one call, or what the run says it took."""
    began = time.perf_counter()
    made = run()
    spent = time.perf_counter() - began
    return float(made) if isinstance(made, Seconds) else spent


def check(ours: Any, reference: Any, agree: float) -> None:
    """Raise MeasureError where two results, numbers in any nesting of lists and tensors, differ by more than `agree`."""
    import numpy as np

    one, other = np.asarray(ours, dtype=float), np.asarray(reference, dtype=float)
    if one.shape != other.shape or not np.allclose(one, other, rtol=agree, atol=0.0):
        raise MeasureError(f"the two ways do not lead to the same result: {_shown(one)} and {_shown(other)}.")


def _shown(array: Any) -> str:
    return f"{array.ravel()[:3].tolist()} of {array.size}"
