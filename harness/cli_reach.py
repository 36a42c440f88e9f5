"""The command `harness reach`: what every tuner's update can be, measured beside the class that it is registered with.

Exit codes: 0 all as registered; 1 one is not; 2 bad input; 130 stopped by Ctrl-C.
"""

import argparse
import contextlib
import shutil
import sys

from harness.errors import SpecError

LOG_WIDTH = 120
OK, DIFFERS, STOPPED = 0, 1, 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options."""
    add = parser.add_argument
    add("--tuner", action="append", default=[], metavar="NAME", help="of the table; again for each further one (default: all)")
    add("--seed", type=int, default=0, metavar="N", help="of the model, its tokens and what tuners draw (default 0)")
    add("--steps", type=int, default=25, metavar="N", help="of AdamW (default 25, as the limits are meant for)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="format", action="store_const", const="json", help="all numbers, when all are measured")
    form.add_argument("--csv", dest="format", action="store_const", const="csv", help="the same as CSV")


def run(options: argparse.Namespace) -> int:
    """Measure and print, row by row."""
    for name, least in (("seed", 0), ("steps", 1)):
        if getattr(options, name) < least:
            raise SpecError(f"--{name} {getattr(options, name)}: give a whole number from {least}.")
    from harness.engine.reach_class import named

    names = named(options.tuner)
    from harness import threads

    threads.configure()
    from harness.engine.reach_rows import rows
    from harness.report.reach_table import Printer, render, summary
    from rich.console import Console

    live = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if live else LOG_WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    done: list = []
    table = None if options.format else Printer(console)
    try:
        with console.status(f"{names[0]}, 1 of {len(names)}") if live and table else contextlib.nullcontext() as status:
            for i, row in enumerate(rows(names, options.seed, options.steps), start=1):
                done.append(row)
                if table:
                    table.add(row)
                if status and i < len(names):
                    status.update(f"{names[i]}, {i + 1} of {len(names)}")
    except KeyboardInterrupt:
        print("harness: stopped", file=sys.stderr)
        return STOPPED
    if options.format:
        print(render(done, options.format))
    said = summary(done, options.seed, options.steps)
    print(said if options.format else f"\n{said}", file=sys.stderr if options.format else sys.stdout)
    return OK if all(row.holds is not False for row in done) else DIFFERS
