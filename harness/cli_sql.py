"""The command `harness sql`: a DuckDB prompt on the store, with its tables, views and named queries.

Statements end in `;` and may take several lines. Ctrl-C cancels the statement, Ctrl-D leaves. Piped input is run statement by
statement, without a prompt, and stops at the first error.

Exit codes: 0 left, or all of a pipe answered; 2 bad input, or a statement of a pipe failed; 130 a pipe stopped by Ctrl-C.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from harness.cli_query import listing, relations, resolve
from harness.errors import StoreError
from harness.report import tabular
from harness.store.guard import WRITE_HELP, Asking, open_store, run as ask, statements

OK, USAGE, STOPPED = 0, 2, 130
PROMPT, MORE = "harness> ", "    ...> "
HELP = """\
SQL;               run a statement; it ends in a semicolon and may take several lines
\\d                 named queries, tables and views
\\d NAME            columns of a table or view, or the SQL of a named query
\\q NAME [ARG ...]  run a named query, such as \\q versions torch; KEY=VALUE for its options
.reload            read the store again (sessions that ended since)
.help  .quit       this text; leave (Ctrl-D leaves too, Ctrl-C cancels a statement)"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options without --results, which all commands share."""
    parser.epilog = f"The store is only read, and no other file is. {WRITE_HELP}."
    parser.add_argument("--format", choices=tabular.FORMATS, default="table", help="how results are printed")
    parser.add_argument("--write", type=Path, metavar="DIR", help="let statements write files in DIR; see below")


def run(options: argparse.Namespace) -> int:
    """Read, ask, print until the end of the input."""
    prompt = Prompt(options.results, options.write, options.format)
    try:
        if sys.stdin.isatty():
            return _interactive(prompt)
        return _piped(prompt, sys.stdin)
    finally:
        prompt.close()


class Prompt:
    """An open store, and what a complete entry (a command, or SQL) does to it."""

    def __init__(self, results: Path, write: Path | None, format: str) -> None:
        self._results, self._write, self._format = results, write, format
        self._asking: Asking = open_store(results, write)

    def close(self) -> None:
        self._asking.connection.close()

    def enter(self, text: str) -> bool:
        """Do what was typed; False to leave.

        Raises:
            StoreError: it cannot be done.
            KeyboardInterrupt: it was cancelled.
        """
        text = text.strip()
        if text.rstrip(";").strip() in (".quit", ".exit"):
            return False
        if text.startswith((".", "\\")):
            self._command(text.rstrip("; "))
        else:
            self._sql(text)
        return True

    def _sql(self, text: str) -> None:
        for statement in list(statements(self._asking, text)):
            self._show(statement)

    def _show(self, sql: str, params: dict | None = None, empty: str = "") -> None:
        answer = ask(self._asking, sql, params)
        if answer is None:
            return
        names, rows = tabular.rows_of(answer)
        self._print(names, rows)
        if not rows and self._format in ("table", "md"):
            print(f"no rows: {empty}" if empty else "no rows", file=sys.stderr)

    def _print(self, names: list[str], rows: list) -> None:
        if self._format == "table" and sys.stdout.isatty():
            tabular.print_table(names, rows)
        elif names:
            print(tabular.render(names, rows, self._format))

    def _command(self, text: str) -> None:
        from harness.store.queries.queries import all_queries, source

        command, *words = _words(text)
        if command in (".help", "\\?"):
            print(HELP)
        elif command == ".reload":
            self.close()
            self._asking = open_store(self._results, self._write)
        elif command == "\\d" and not words or command == "\\q" and not words:
            self._print(*listing())
        elif command == "\\d" and words[0] in all_queries():
            print(source(words[0]))
        elif command == "\\d":
            if words[0] not in relations():
                resolve(words[0], [], {})  # says what is near
            self._show(f"SELECT column_name, column_type FROM (DESCRIBE {words[0]})")
        elif command == "\\q":
            options = [word for word in words[1:] if "=" in word]
            arguments = [word for word in words[1:] if "=" not in word]
            question = resolve(words[0], arguments, dict(word.split("=", 1) for word in options))
            self._show(question.sql, dict(question.params), question.empty)
        else:
            raise StoreError(f"there is no command {command!r}; .help lists them")


def _words(text: str) -> list[str]:
    try:
        # posix=False would keep the quotes; the leading backslash is no escape.
        return [text[0] + word if i == 0 else word for i, word in enumerate(shlex.split(text[1:]) or [""])]
    except ValueError as error:
        raise StoreError(f"cannot read {text!r}: {error}") from error


def entries(read: Callable[[bool], str]) -> Iterator[str]:
    """Complete entries: a command is a line, SQL goes on to a semicolon.

    Args:
        read: gives the next line; is told whether an entry is being continued; raises EOFError at the end, KeyboardInterrupt to
            drop what was typed.
    """
    held = ""
    while True:
        try:
            line = read(bool(held))
        except KeyboardInterrupt:
            held = ""
            continue
        except EOFError:
            if held.strip():
                yield held
            return
        if not held and line.lstrip().startswith((".", "\\")):
            yield line
            continue
        held = f"{held}{line}\n" if held or line.strip() else ""
        if held and is_complete(held):
            yield held
            held = ""


def is_complete(sql: str) -> bool:
    """Whether the text ends in a semicolon that is not part of a string, a quoted name or a comment."""
    import duckdb

    tokens = [start for start, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    return bool(tokens) and sql.encode()[tokens[-1] :].decode(errors="replace").lstrip().startswith(";")


def _piped(prompt: Prompt, stream: TextIO) -> int:
    def read(_: bool) -> str:
        line = stream.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    try:
        for entry in entries(read):
            if not prompt.enter(entry):
                break
    except StoreError as error:
        print(f"harness: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return STOPPED
    return OK


def _interactive(prompt: Prompt) -> int:
    save = _line_editing()

    def read(continued: bool) -> str:
        try:
            return input(MORE if continued else PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            raise

    print("DuckDB on the results; \\d lists what can be asked, .help says more, Ctrl-D leaves")
    try:
        for entry in entries(read):
            try:
                if not prompt.enter(entry):
                    break
            except StoreError as error:
                print(f"harness: {error}", file=sys.stderr)
            except KeyboardInterrupt:
                print("cancelled", file=sys.stderr)
    finally:
        save()
    return OK


def _line_editing() -> Callable[[], None]:
    """Editing, completion of names, and a history that is kept; gives what saves it. Nothing where there is no readline."""
    try:
        import readline
    except ImportError:
        return lambda: None
    from harness.models.paths import cache_dir
    from harness.store.queries.queries import all_queries

    path = cache_dir() / "sql_history"
    names = [*all_queries(), *relations()]
    readline.set_completer(lambda text, i: ([name for name in names if name.startswith(text)] + [None])[i])
    readline.set_completer_delims(" \t\n;,()\"'=<>")
    readline.parse_and_bind("tab: complete")
    try:
        readline.read_history_file(path)
    except OSError:
        pass  # no history yet, or none that can be read

    def save() -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(1000)
            readline.write_history_file(path)
        except OSError:
            pass  # a history that cannot be kept is no reason to complain

    return save
