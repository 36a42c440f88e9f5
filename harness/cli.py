"""The `harness` command: ask the store, judge stored measurements again, write findings, bring a killed session
back, all without torch; what a fine-tune did to a model's weights; several fine-tunes merged into one; what adapters can move.

Exit codes: 0 as expected; 1 verdicts differ; 2 bad input or an unreadable store; 3 a spec changed without a new version.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import __version__, cli_diff, cli_merge, cli_reach
from harness.errors import HarnessError, StoreError

OK, DIFFERS, USAGE, SPEC_CHANGED = 0, 1, 2, 3
WITHOUT_STORE = (cli_diff.run, cli_merge.run, cli_reach.run)
QUERY_HELP = """\
NAME is a table (runs, claims, measurements, verdicts, matrices), a view (complete_runs, standing, latest_verdict, flips, noise_floor,
explained_by_noise) or `evidence CLAIM`; anything else is DuckDB SQL over them, such as "from flips where scale = 'tiny'"."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Usage errors exit with 2 as argparse does."""
    options = _parser().parse_args(argv)
    try:
        if options.run not in WITHOUT_STORE and not options.results.is_dir():
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
    ask = commands.add_parser("query", help="ask the results", epilog=QUERY_HELP)
    ask.add_argument("sql", metavar="NAME|SQL", help="a named query or DuckDB SQL")
    ask.add_argument("claim", nargs="?", help="the claim whose evidence is asked for")
    ask.add_argument("--format", choices=("table", "csv", "json", "md"), default="table")
    ask.set_defaults(run=_query)
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
    compare = commands.add_parser("diff", help="what a fine-tune did to the weights, matrix by matrix, beside noise of its size")
    cli_diff.add_options(compare)
    compare.set_defaults(run=cli_diff.run)
    join = commands.add_parser("merge", help="one model from a base and experts tuned from it")
    cli_merge.add_options(join)
    join.set_defaults(run=cli_merge.run)
    table = commands.add_parser("reach", help="what every adapter's update can be, beside the class that it is registered with")
    cli_reach.add_options(table)
    table.set_defaults(run=cli_reach.run)
    base = commands.add_parser("baseline", help="make the latest verdicts the baseline that a fresh clone compares with")
    base.set_defaults(run=_baseline)
    for command in (ask, again, back, found, compare, base):
        default = Path(os.environ.get("HARNESS_RESULTS") or "results")
        command.add_argument("--results", type=Path, default=default, metavar="DIR", help="default: $HARNESS_RESULTS or results")
    return parser


def _query(options: argparse.Namespace) -> int:
    from harness.report import tabular
    from harness.store.reader import query

    table = query(options.results, _sql(options.sql, options.claim))
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    names = tabular.unique(table.column_names)
    if options.format == "table" and sys.stdout.isatty():
        tabular.print_table(names, rows)
    elif names:
        print(tabular.render(names, rows, options.format))
    if options.format == "table" and not rows:
        print("no rows", file=sys.stderr)
    return OK


def _sql(asked: str, claim: str | None) -> str:
    """SQL for a named query, a bare SELECT or anything between."""
    from harness.store.reader import DERIVED
    from harness.store.schema import COLUMNS

    words = asked.split()
    if words == ["evidence"]:
        if claim is None:
            raise StoreError("evidence needs a claim: harness query evidence path-not-taken/<claim>")
        return "FROM evidence('" + claim.replace("'", "''") + "')"
    if claim is not None:
        raise StoreError(f"only `evidence` takes a second argument, so what is {claim!r}? Put SQL in quotes")
    if len(words) == 1:
        names = (*COLUMNS, *DERIVED, "evidence")
        if words[0] not in names:
            from difflib import get_close_matches

            near = get_close_matches(words[0], names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}, or any SQL"
            raise StoreError(f"there is no query named {words[0]!r}; {hint}")
        return f"FROM {words[0]}"
    return asked


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
