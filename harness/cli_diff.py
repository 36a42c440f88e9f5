"""The command `harness diff`: its options, how far it is, what it prints.

Exit codes: 0 measured; 2 bad input, or a part of it that is bad: a step of a trajectory that could not be read, weights that are not
finite (all else is measured and stored); 130 stopped by Ctrl-C.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from harness.errors import ModelError
from harness.report.look import look
from harness.report.progress import Line

if TYPE_CHECKING:
    from harness.engine.diff import Asked, Seen

LOG_WIDTH = 120
LOG_SECONDS = 30.0
OK, USAGE, STOPPED = 0, 2, 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options, without --results, which all commands share."""
    parser.add_argument("base", metavar="BASE", help="model folder, tensor file or GGUF")
    parser.add_argument("tuned", metavar="TUNED", nargs="?", help="the same, or a folder with a PEFT adapter of BASE")
    add = parser.add_argument
    add("--trajectory", metavar="DIR", help="instead of TUNED: a folder of checkpoints whose names end in their step")
    add("--where", metavar="REGEX", help="only matrices in whose name it is found, such as 'layers.1?.mlp'")
    add("--budget", metavar="TIME", help="such as 90s, 10m or 1h: a sample stratified by module, with intervals; goes on when asked again")
    add("--draws", type=int, metavar="N", help="draws of the null on each matrix (default 3, of a trajectory at its last step only)")
    add("--nulls", choices=("auto", "all", "sample"), default="auto", help="draws on all matrices, or on one a module (auto: in large models)")
    add("--seed", type=int, default=0, metavar="N", help="of the draws (default 0)")
    add("--frame", choices=("auto", "partial", "full"), default="auto", help="leading directions of large matrices, or all (auto: all for --trajectory)")
    add("--tolerance", type=float, default=0.05, metavar="X", help="largest relative error of what a partial frame gives (default .05)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where matrices are decomposed (default cpu)")
    add("--processes", type=int, metavar="N", help="matrices in flight (default: one a core; with --device cuda one)")


def run(options: argparse.Namespace) -> int:
    """Measure, store, print the screen."""
    from harness import threads

    threads.configure()
    asked = _asked(options)
    from harness.engine.diff import diff
    from harness.report.diff_summary import summary
    from harness.report.diff_trajectory import trajectory_summary

    tell = Progress(sys.stderr)
    try:
        done = diff(asked, options.results, processes=options.processes, progress=tell)
    except KeyboardInterrupt:
        print("harness: stopped; what was measured is kept, and the same command goes on from there", file=sys.stderr)
        return STOPPED
    finally:
        tell.end()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LOG_WIDTH
    show = trajectory_summary if asked.trajectory else summary
    print(show(done.rows, done, width=width))
    print(f"\n  {done.run_id}   harness query \"from matrices where run_id = '{done.run_id}'\"")
    troubles = [*done.troubles, *_damage(done.rows)]
    for trouble in troubles:
        print(f"harness: {trouble}", file=sys.stderr)
    return USAGE if troubles else OK


def _damage(rows: list[dict]) -> list[str]:
    names = list(dict.fromkeys(row["name"] for row in rows if row["status"] == "nonfinite"))
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return [f"weights that are not finite, in {len(names)} of the matrices ({some}): the rows say where"] if names else []


def _asked(options: argparse.Namespace) -> "Asked":
    """What is asked for, checked before torch is imported."""
    from harness.engine.diff_budget import seconds_of
    from harness.engine.diff_plan import Asked

    if (options.tuned is None) == (options.trajectory is None):
        raise ModelError("give either a tuned checkpoint, as in `harness diff BASE TUNED`, or --trajectory DIR")
    for name, least in (("draws", 0), ("seed", 0), ("processes", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ModelError(f"--{name} {value}: give a whole number from {least}")
    if not 0.0 < options.tolerance < 1.0:
        raise ModelError(f"--tolerance {options.tolerance:g}: give a number between 0 and 1")
    budget = None if options.budget is None else seconds_of(options.budget)
    same = {name: getattr(options, name) for name in Asked._fields if name != "budget"}
    return Asked(**same, budget=budget)


class Progress:
    """Tells how far a diff is: on a terminal in one line that is written over, elsewhere in a plain line every LOG_SECONDS at most.

    Args:
        stream: where to.
        clock: of seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        how = look(stream)
        self._stream, self._clock, self._line = stream, clock, Line(stream, how)
        self._is_live, self._last = how.live, clock()

    def __call__(self, seen: "Seen") -> None:
        if self._is_live:
            self._line.show(_line(seen))
        elif self._clock() - self._last >= LOG_SECONDS:
            self._last = self._clock()
            print(_line(seen), file=self._stream, flush=True)

    def end(self) -> None:
        """Leave no half line behind."""
        self._line.end()


def _line(seen: "Seen") -> str:
    pace = seen.bytes_done / 1e9 / max(seen.seconds, 1e-9)
    return f"{seen.done}/{seen.total} {seen.name}  {pace:.3f} GB/s  {seen.seconds_left:.0f} s left"
