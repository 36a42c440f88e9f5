"""The command `harness query`: named questions, tables and views, or SQL; as a table, CSV, JSON, Markdown or Parquet.

Exit codes: 0 answered, with or without rows; 2 bad input, SQL that DuckDB refuses or that writes; 130 stopped by Ctrl-C.
"""

import argparse
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import StoreError
from harness.report import tabular
from harness.store.guard import WRITE_HELP

if TYPE_CHECKING:
    import pyarrow as pa

OK, STOPPED = 0, 130
MANY = 2_000  # sessions in files of their own, from which on a query takes seconds
HELP = f"""\
Without a name: what can be asked, a line each. NAME is a named query, such as flips or `versions torch` (--show prints its SQL),
a table (runs, claims, measurements, verdicts, matrices, profiles) or a view (latest_verdict, standing, and so on); anything else
is DuckDB SQL over them, such as "from flips where scale = 'tiny'". The store is only read, and no other file is. {WRITE_HELP}."""


class Question(NamedTuple):
    """SQL with its parameters, and what to say if there are no rows."""

    sql: str
    params: Mapping[str, Any]
    empty: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options, without --results, which all commands share."""
    parser.epilog = HELP
    add = parser.add_argument
    add("sql", metavar="NAME|SQL", nargs="?", help="a named query, table or view, or DuckDB SQL; without it, a list")
    add("arguments", metavar="ARGUMENT", nargs="*", help="of a named query, such as a claim or a library")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="a parameter of a named query, such as limit=5")
    add("--format", choices=(*tabular.FORMATS, "parquet"), help="default: what FILE ends in, else a table")
    add("--out", type=Path, metavar="FILE", help="write there; parquet needs it")
    add("--show", action="store_true", help="print the named query's SQL instead of asking it")
    add("--write", type=Path, metavar="DIR", help="let the SQL write files in DIR; see below")


def run(options: argparse.Namespace) -> int:
    """Ask, and print or write the answer."""
    format = chosen_format(options.format, options.out)
    if options.sql is None:
        names, rows = listing()
        return _give(tabular.to_arrow(names, rows), format, options.out)
    if options.show:
        print(_source(options.sql))
        return OK
    question = resolve(options.sql, options.arguments, _settings(options.set))
    if options.out is not None:
        _check_out(options.out, options.results)
    try:
        code = _give(_answer(question, options), format, options.out, question.empty)
        _hint(options.results)
        return code
    except KeyboardInterrupt:
        print("harness: stopped", file=sys.stderr)
        return STOPPED


def _hint(results: Path) -> None:
    singles = sum(1 for _ in (results / "runs").glob("*/*.parquet"))
    if singles > MANY:
        print(f"{singles} session files: `harness compact` merges those of past months, which makes queries fast", file=sys.stderr)


def _answer(question: Question, options: argparse.Namespace) -> "pa.Table | None":
    """Once more where a file is gone: those that were listed may have been merged before they were read."""
    import duckdb

    try:
        return _asked(question, options)
    except StoreError as error:
        if options.write is not None or not isinstance(error.__cause__, duckdb.IOException):
            raise
    return _asked(question, options)


def _asked(question: Question, options: argparse.Namespace) -> "pa.Table | None":
    from harness.store.guard import open_store, run, statements

    asking = open_store(options.results, options.write)
    try:
        answer = None
        for text in list(statements(asking, question.sql)):
            answer = run(asking, text, question.params)
        return answer
    finally:
        asking.connection.close()


def resolve(asked: str, arguments: list[str], settings: Mapping[str, str]) -> Question:
    """The SQL of a named query, of a bare table or view, or the text itself.

    Raises:
        StoreError: there is no such name, or it does not take these arguments.
    """
    from harness.store.queries.queries import all_queries

    words, named = asked.split(), all_queries()
    if len(words) == 1 and words[0] in named:
        query = named[words[0]]
        return Question(query.sql, query.bind(arguments, settings), query.empty)
    if arguments:
        raise StoreError(f"only named queries take arguments, so what is {arguments[0]!r}? Put SQL in quotes")
    if settings:
        raise StoreError("only named queries take --set")
    if len(words) == 1 and words[0] not in relations():
        names = list(dict.fromkeys([*relations(), *named]))
        near = get_close_matches(words[0], names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}, or any SQL"
        raise StoreError(f"there is no query named {words[0]!r}; {hint}")
    return Question(f"FROM {words[0]}" if len(words) == 1 else asked, {}, "")


def relations() -> list[str]:
    """The store's tables and views."""
    from harness.store.reader import DERIVED
    from harness.store.schema import COLUMNS

    return [*COLUMNS, *DERIVED]


def listing() -> tuple[list[str], list[list[str]]]:
    """What can be asked: named queries, then tables and views."""
    from harness.store.queries.queries import all_queries
    from harness.store.schema import COLUMNS

    rows = [[query.usage, query.question] for query in all_queries().values()]
    rows += [[name, "a table" if name in COLUMNS else "a view"] for name in relations() if name not in all_queries()]
    return ["name", "answers"], rows


def chosen_format(format: str | None, out: Path | None) -> str:
    """The format asked for, or that of the file's name.

    Raises:
        StoreError: Parquet without a file.
    """
    endings = {".csv": "csv", ".json": "json", ".md": "md", ".parquet": "parquet"}
    chosen = format or (endings.get(out.suffix, "table") if out is not None else "table")
    if chosen == "parquet" and out is None:
        raise StoreError("parquet is not for a terminal: name a file with --out FILE")
    return chosen


def _settings(given: list[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise StoreError(f"--set {text}: write KEY=VALUE, such as --set limit=5")
    return dict(text.split("=", 1) for text in given)


def _source(name: str) -> str:
    from harness.store.queries.queries import all_queries, source

    if name not in all_queries():
        raise StoreError(f"--show is for named queries, and {name!r} is none; `harness query` lists them")
    return source(name)


def _check_out(out: Path, results: Path) -> None:
    """Only sessions write in the results folder: a stray file there makes every reader stop."""
    if results.resolve() in out.resolve().parents:
        raise StoreError(f"--out {out} lies in the results folder, where only sessions write; name another file")


def _give(answer: "pa.Table | None", format: str, out: Path | None, empty: str = "") -> int:
    names, rows = tabular.rows_of(answer)
    if out is not None:
        tabular.write(answer, out, format)
        print(f"written: {out} ({len(rows)} row{'s' * (len(rows) != 1)})", file=sys.stderr)
        return OK
    if format == "table" and sys.stdout.isatty():
        tabular.print_table(names, rows)
    elif names:
        print(tabular.render(names, rows, format))
    if answer is not None and not rows and format in ("table", "md"):
        print(f"no rows: {empty}" if empty else "no rows", file=sys.stderr)
    return OK
