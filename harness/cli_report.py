"""The command `harness report`: one HTML file with everything that the store says, to be opened anywhere.

Exit codes: 0 written, also from an empty store (the page then says what to run); 2 a store that cannot be read, a package that
is missing, or a file that cannot be written.
"""

import argparse
import os
from contextlib import suppress
from pathlib import Path

from harness.errors import StoreError

OK = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options, without --results, which all commands share."""
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html")
    parser.add_argument("--title", metavar="TEXT", help="title of the page")


def run(options: argparse.Namespace) -> int:
    """Read the store, write the page, say where it is."""
    from harness.report.html import shell

    text = shell.render(options.results, options.title or shell.TITLE)
    write(options.out, text)
    print(f"written: {options.out} ({len(text.encode()) / 1e6:.1f} MB)")
    return OK


def write(path: Path, text: str) -> None:
    """Write the whole file or nothing.

    Raises:
        StoreError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        why = f"{path.parent} is not a folder" if path.parent.exists() and not path.parent.is_dir() else error.strerror or error
        raise StoreError(f"cannot write {path}: {why}; name another file with --out") from error
