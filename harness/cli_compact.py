"""The command `harness compact`: merge the sessions of past months into one file a table and month.

Exit codes: 0 merged, or nothing to merge; 2 a damaged file, a run stored twice, a disk that refuses: the store reads as before.
"""

import argparse

OK = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options without --results, which all commands share."""
    parser.add_argument("--all", action="store_true", dest="every_month", help="the current month too, not only past ones")


def run(options: argparse.Namespace) -> int:
    """Merge and say what was merged."""
    from harness.store.compact import compact

    done = compact(options.results, every_month=options.every_month)
    for month in done:
        runs = f"{month.runs} session{'s' * (month.runs != 1)}"
        before, after = (f"{count} files of {size / 1e6:.1f} MB" for count, size in ((month.files, month.bytes), month[4:]))
        print(f"{month.month}: {runs}, {before} merged into {after}")
    if not done:
        print(f"nothing to merge in {options.results}" + ("" if options.every_month else "; --all takes the current month too"))
    return OK
