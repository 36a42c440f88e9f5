"""The command `harness compare --baseline`: the store's latest regression verdicts against the committed ones.

Exit codes, the first that holds: 2 bad input or an unreadable store; 3 a claim's spec changed under one version; 1 a verdict
flipped (inconclusive to supported too), a claim was refuted that is registered as something else, or a claim broke; 5 nothing was
in common; 0 as expected. Claims that were not measured, are new, or have a new version are said and fail nothing.
"""

import argparse
import importlib
import shutil
import sys
from pathlib import Path

from harness.errors import StoreError

LOG_WIDTH = 120
FORMATS = ("table", "md", "json")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options, without --results, which all commands share."""
    add = parser.add_argument
    where = "verdicts to compare with (default: baseline/verdicts.parquet of the results)"
    add("--baseline", nargs="?", type=Path, metavar="FILE", help=where)
    add("--run", dest="session", metavar="RUN_ID", help="only this session, instead of each claim's last one")
    add("--format", choices=FORMATS, default="table")
    add("--summary", type=Path, metavar="FILE", help='append it as Markdown to this file, such as "$GITHUB_STEP_SUMMARY"')
    declared = "claims that are declared now (default: suites, if it is there)"
    add("--suites", type=Path, default=Path("suites"), metavar="DIR", help=declared)


def run(options: argparse.Namespace) -> int:
    """Compare, print, append the summary."""
    from harness.report import flips
    from harness.store.against_baseline import against_baseline

    declared = registered(options.suites)
    found = against_baseline(options.results, options.baseline, run=options.session, registered=declared)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LOG_WIDTH
    text = flips.render(found, options.format, width)
    if options.summary is not None:
        _append(options.summary, flips.render(found, "md") + "\n\n")
    print(text)
    return found.code


def registered(suites: Path) -> dict[str, tuple[int, str]] | None:
    """Version and spec hash of every claim that the files of a suites folder declare; None if there is no folder. No torch.

    Raises:
        StoreError: a file cannot be imported.
    """
    if not suites.is_dir():
        return None
    from harness.claims import all_claims

    root = suites.resolve().parent
    sys.path.insert(0, str(root))
    try:
        for path in sorted(suites.resolve().rglob("test_*.py")):
            try:
                importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
            except Exception as error:
                raise StoreError(
                    f"{path.relative_to(root)} cannot be imported ({type(error).__name__}: {error}), so that it is not known which"
                    " claims there are; mend it, or name another folder with --suites"
                ) from error
    finally:
        sys.path.remove(str(root))
    return {claim.id: (claim.version, claim.sha) for claim in all_claims()}


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}; name another file with --summary") from error
