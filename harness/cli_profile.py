"""The command `harness profile`: its options, how far it is, what it prints.

    harness profile rlvr sft                                    runs of the run cache, at every snapshot
    harness profile --base BASE --tuned TUNED                   a pair of checkpoints
    harness profile --base BASE --trajectory DIR --steps last   a folder of checkpoints whose names end in their step

Exit codes: 0 stored; 2 bad input, or a part of it that is bad: a step that could not be read, weights that are not finite (all
else is stored); 130 stopped by Ctrl-C, with nothing stored.
"""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.cli_diff import Progress
from harness.errors import SpecError
from harness.report.look import look
from harness.report.progress import Line, Pace, text_of

if TYPE_CHECKING:
    from harness.engine.profile import Asked, Profiles

OK, USAGE, STOPPED = 0, 2, 130
SHOWN = 6
EPILOG = """\
Checkpoints on disk: --base BASE with --tuned TUNED, or with --trajectory DIR, in the place of ARM; read as `harness diff` reads
them. What is stored: rows of table profiles; harness query "from latest_profile" has the newest of each subject. Exit code 2
where some weights are not finite or a step cannot be read; all else is stored then."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options, without --results, which all commands share."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("arms", metavar="ARM", nargs="*", help="such as rlvr or sft: its run is taken from the run cache, or trained now")
    add("--scale", default="tiny", help="of the runs (default tiny)")
    add("--seed", type=int, default=0, metavar="N", help="of the runs, and of the draws (default 0)")
    add("--base", metavar="BASE", help="in the place of ARM: a model folder, tensor file or GGUF")
    add("--tuned", metavar="TUNED", help="the same, or the folder of an adapter of BASE")
    add("--trajectory", metavar="DIR", help="instead of TUNED: a folder of checkpoints whose names end in their step")
    add("--steps", choices=("all", "last"), default="all", help="which snapshots (default all)")
    add("--where", metavar="REGEX", help="only matrices in whose name it is found, such as 'layers.1?.mlp'")
    few = "matrices of each module, spread over the depth; 0: all (default: 3 where there are many or large ones, else all)"
    add("--per-module", type=int, metavar="N", help=few)
    add("--draws", type=int, default=3, metavar="N", help="of noise on each matrix at each step (default 3; 0: no reference)")


def run(options: argparse.Namespace) -> int:
    """Read, store, say what was stored."""
    asked = _asked(options)
    from harness import threads

    threads.configure()
    from harness.engine.profile import profile

    progress = Progress(sys.stderr)
    try:
        done = profile(asked, options.results, progress=progress, tell=_tell, training=_training_line())
    except KeyboardInterrupt:
        print("harness: stopped; nothing was stored", file=sys.stderr)
        return STOPPED
    finally:
        progress.end()
    print(_said(done, asked))
    for trouble in done.troubles:
        print(f"harness: {trouble}", file=sys.stderr)
    return USAGE if done.troubles else OK


def _asked(options: argparse.Namespace) -> "Asked":
    """What is asked for, checked before torch is imported."""
    stored = [name for name in ("base", "tuned", "trajectory") if getattr(options, name) is not None]
    if bool(options.arms) == bool(stored):
        raise SpecError("give arms, as in `harness profile rlvr sft`, or --base BASE with --tuned TUNED or --trajectory DIR")
    if stored and (options.base is None or len(stored) != 2):
        raise SpecError("checkpoints on disk are --base BASE with either --tuned TUNED or --trajectory DIR")
    for name in ("seed", "per_module", "draws"):
        value = getattr(options, name)
        if value is not None and value < 0:
            raise SpecError(f"--{name.replace('_', '-')} {value}: give a whole number from 0")
    from harness.engine.profile import Asked
    from harness.engine.profile_subjects import Selection

    same = {name: getattr(options, name) for name in ("scale", "seed", "base", "tuned", "trajectory", "draws")}
    selection = Selection(options.where, options.per_module)
    return Asked(tuple(options.arms), **same, last=options.steps == "last", selection=selection)


def _tell(says: str) -> None:
    print(f"harness: {says}", file=sys.stderr, flush=True)


def _training_line() -> Callable[[dict], None]:
    """Where a run that is being trained is, in a line that goes away; nothing where standard error is no terminal."""
    line, pace = Line(sys.stderr, look(sys.stderr)), Pace()

    def told(now: dict) -> None:
        pace.note(now)
        line.show(text_of(now, pace))
        if now["step"] == now["steps"]:
            line.erase()

    return told


def _said(done: "Profiles", asked: "Asked") -> str:
    lines = []
    for each in done.subjects:
        some = f"{each.matrices} of {each.total}" if each.matrices < each.total else str(each.matrices)
        numbers = [str(step) for step in each.steps]
        if len(numbers) > SHOWN:
            numbers = [*numbers[: SHOWN - 2], "...", numbers[-1]]
        at = f" at step{'s' * (len(each.steps) != 1)} {', '.join(numbers)}" if asked.arms or asked.trajectory else ""
        lines.append(f"{each.name}: {some} matrices{at}; {each.rows} curves and maps")
        lines += [f"  {note}" for note in each.notes]
    noise = f"{asked.draws} draws of noise" if asked.draws else "no draws of noise"
    lines.append(f"{noise}, {done.seconds:.1f} s, {done.bytes / 1e6:.2f} MB")
    lines.append(f"\n  {done.run_id}   harness query \"from latest_profile where run_id = '{done.run_id}'\"")
    return "\n".join(lines)
