"""The `harness` command: report, ask and compare what is stored, judge again, measure checkpoints and adapters, merge models.

Torch is imported where weights are read: `diff`, `profile`, `reach` and `merge`.

Exit codes: 0 as expected; 1 verdicts differ; 2 bad input or an unreadable store; 3 a spec changed without a new version;
5 nothing to compare.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import (
    __version__,
    cli_compact,
    cli_compare,
    cli_diff,
    cli_merge,
    cli_profile,
    cli_query,
    cli_reach,
    cli_report,
    cli_sql,
)
from harness.errors import HarnessError, StoreError

OK, DIFFERS, USAGE, SPEC_CHANGED = 0, 1, 2, 3
MODULES = {
    "diff": (cli_diff, "what a fine-tune did to the weights, matrix by matrix, beside noise of its size"),
    "profile": (cli_profile, "curves and maps of a run's or a fine-tune's matrices, at every step, for the report"),
    "reach": (cli_reach, "what every adapter's update can be, beside the class that it is registered with"),
    "merge": (cli_merge, "one model from a base and experts tuned from it"),
    "report": (cli_report, "one HTML file of all verdicts, to open in a browser"),
    "compare": (cli_compare, "the latest verdicts against the committed baseline; exit code 1 where one flipped"),
    "query": (cli_query, "ask the results: named questions, or SQL"),
    "sql": (cli_sql, "a DuckDB prompt on the results"),
    "compact": (cli_compact, "merge the sessions of past months into one file a table"),
}
"""Commands that have a file of their own, in the order of the help."""

WITHOUT_RESULTS = (cli_merge, cli_reach)
"""Those that neither read nor write a store."""

MAKES_STORE = (*WITHOUT_RESULTS, cli_diff, cli_profile)
"""Those that need none to begin with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Usage errors exit with 2 as argparse does."""
    options = _parser().parse_args(argv)
    try:
        if options.run not in {each.run for each in MAKES_STORE} and not options.results.is_dir():
            raise StoreError(f"there is no results folder {options.results}; name it with --results DIR or HARNESS_RESULTS")
        return options.run(options)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description=__doc__.split("\n")[0])
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    with_store = []
    for name, (module, says) in MODULES.items():
        command = commands.add_parser(name, help=says)
        module.add_options(command)
        command.set_defaults(run=module.run)
        with_store += [] if module in WITHOUT_RESULTS else [command]
    again = commands.add_parser("rejudge", help="recompute verdicts from stored measurements and compare")
    again.add_argument("which", nargs="?", default="latest", metavar="RUN_ID|latest|all")
    again.add_argument("--write", action="store_true", help="append the new verdicts as a run of mode rejudge")
    again.set_defaults(run=_rejudge)
    back = commands.add_parser("recover", help="save what a killed session had measured")
    back.add_argument("--other-hosts", action="store_true", help="also journals that another machine began")
    back.set_defaults(run=_recover)
    found = commands.add_parser("findings", help="a paper's verdicts as a Markdown page, from the store alone")
    found.add_argument("paper", metavar="PAPER", help="id of a paper, such as path-not-taken")
    found.add_argument("--out", type=Path, metavar="FILE", help="write the page there, such as docs/findings/path_not_taken.md")
    found.set_defaults(run=_findings)
    base = commands.add_parser("baseline", help="make the latest verdicts the baseline that a fresh clone compares with")
    base.set_defaults(run=_baseline)
    for command in (*with_store, again, back, found, base):
        default = Path(os.environ.get("HARNESS_RESULTS") or "results")
        command.add_argument("--results", type=Path, default=default, metavar="DIR", help="default: $HARNESS_RESULTS or results")
    return parser


def _rejudge(options: argparse.Namespace) -> int:
    from harness.engine import rejudge
    from harness.report.tabular import aligned, cell

    code = OK
    for done in rejudge.rejudge(options.results, options.which):
        run_id = done.run["run_id"]
        for sentence in done.refused:
            print(f"cannot judge again {sentence}")
        for claim_id in done.altered:
            print(f"{claim_id}: the stored spec does not have its stored hash; it was altered after run {run_id}")
        if not done.differences:
            print(f"{run_id}: verdicts as stored: {len(done.verdicts)}")
        else:
            differing = len({(d.claim_id, d.scale) for d in done.differences})
            print(f"{run_id}: verdicts that differ: {differing} of {len(done.verdicts)}")
            print(aligned([("claim", "scale", "field", "stored", "now"), *(tuple(map(cell, d)) for d in done.differences)]))
        if options.write and done.altered:
            print("not written: verdicts of altered specs are not recorded as if they had been registered")
        elif options.write and done.differences:
            print(f"written as run {rejudge.write(options.results, done, _provenance())}")
        code = max(code, SPEC_CHANGED if done.altered else DIFFERS if done.differences or done.refused else OK)
    return code


def _provenance() -> dict[str, object]:
    """What judges now: this checkout if there is one, installed versions, this machine."""
    from harness.engine import provenance

    known = {**provenance.git_state(Path(__file__).parent), **provenance.versions(), **provenance.machine()}
    return {**known, "argv": " ".join(["harness", *sys.argv[1:]])}


def _recover(options: argparse.Namespace) -> int:
    from harness.engine.recover import recover

    found = recover(options.results, other_hosts=options.other_hosts)
    for journal in found:
        print(journal.says, file=sys.stderr if journal.state == "refused" else sys.stdout)
    if not found:
        print(f"nothing to recover in {options.results}")
    return USAGE if any(journal.state == "refused" for journal in found) else OK


def _findings(options: argparse.Namespace) -> int:
    from harness.report.findings import findings

    text = findings(options.results, options.paper)
    if options.out is None:
        print(text, end="")
        return OK
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {options.out}: {error.strerror or error}; name another file with --out") from error
    print(f"written: {options.out}")
    return OK


def _baseline(options: argparse.Namespace) -> int:
    from harness.store.baseline import write_baseline

    print(f"written: {write_baseline(options.results)}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
