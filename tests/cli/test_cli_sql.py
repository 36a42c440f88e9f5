"""The prompt: piped, and on a terminal of its own."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time

import harness
import pytest
from harness import cli, cli_sql

ROOT = os.path.dirname(os.path.dirname(harness.__file__))


@pytest.fixture
def typed(judged, capsys, monkeypatch):
    """typed(text, ...) pipes the text into `harness sql`: (exit code, output, errors)."""
    judged("drifts")
    judged("drifts", minute=1, shift=1.0)

    def run(text, *arguments):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return cli.main(["sql", *arguments, "--results", str(judged.folder)]), *capsys.readouterr()

    run.folder = judged.folder
    return run


def test_a_piped_statement_is_answered_plainly(typed):
    code, out, err = typed("select claim_id, verdict from flips;")
    assert (code, err) == (0, "") and out.splitlines() == ["claim_id      verdict", "paper/drifts  refuted"]


def test_statements_may_take_several_lines_and_the_last_needs_no_semicolon(typed):
    code, out, _ = typed("select ';' as a, -- no end; here\n  1 as b;\nselect 2\nas c", "--format", "csv")
    assert code == 0 and out.splitlines() == ["a,b", ";,1", "c", "2"]


def test_commands(typed):
    code, out, err = typed("\\d\n\\d runs\n\\d flips\n\\q flips since=2026-11-01\n\\q\n.help\n.reload\nselect 1 as x;\n.quit\nselect 2;")
    assert (code, err) == (0, "") and "versions [LIBRARY]" in out and "git_sha" in out and "-- Which verdicts changed?" in out
    assert "paper/drifts" in out and "\\q NAME" in out and out.endswith("x\n1\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select nosuch from runs;\nselect 1;", 'there is no column "nosuch" here'),
        ("insert into zero_runs from runs;", "the query writes (INSERT)"),
        ("\\q cst", "did you mean 'cost'?"),
        ("\\q cost limit=x", "limit=x: give a whole number"),
        ("\\d cst", "did you mean 'cost'?"),
        ("\\zap", "there is no command '\\\\zap'; .help lists them"),
        ("\\q 'cost", "cannot read"),
        ("selec 1;", "Parser Error"),
    ],
    ids=["column", "writes", "name", "value", "described", "command", "quote", "syntax"],
)
def test_an_error_ends_a_pipe_with_exit_2(typed, text, says):
    code, out, err = typed(text)
    assert (code, out) == (2, "") and says in err and "Traceback" not in err


def test_an_empty_pipe_is_no_error(typed):
    assert typed("") == (0, "", "") and typed("  \n;\n-- a comment\n") == (0, "", "")


def test_an_empty_store_has_a_prompt_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("from flips;"))
    assert cli.main(["sql", "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "no rows\n"


def test_tables_made_with_write_last_until_the_end(typed, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = f"create table t as select verdict from flips;\ncopy t to '{folder}/t.csv';\nfrom t;"
    code, out, err = typed(text, "--write", str(folder))
    assert (code, err) == (0, "") and out.splitlines()[-1] == "refuted" and (folder / "t.csv").read_text() == "verdict\nrefuted\n"


@pytest.mark.parametrize(
    ("text", "complete"),
    [("select 1;", True), ("select 1; -- done", True), ("select ';", False), ("select ';' -- ;", False), ("/* ; */", False), (";", True),
     ("select \";\"", False), ("select 1", False), ("select $$;$$", False), ("select 'é';", True)],
)  # fmt: skip
def test_where_a_statement_ends(text, complete):
    assert cli_sql.is_complete(text) is complete


def test_an_interrupt_while_typing_drops_what_was_typed():
    lines = iter(["select", KeyboardInterrupt, "from runs;"])

    def read(continued):
        line = next(lines, EOFError)
        if isinstance(line, str):
            return line
        raise line

    assert [entry.strip() for entry in cli_sql.entries(read)] == ["from runs;"]


def _heeds_ctrl_c():
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """`harness sql` on a pseudo-terminal."""

    def __init__(self, folder, cache):
        self.master, slave = pty.openpty()
        env = {**os.environ, "PYTHONPATH": ROOT, "HARNESS_CACHE": str(cache), "TERM": "dumb", "COLUMNS": "100"}
        code = [sys.executable, "-m", "harness.cli", "sql", "--results", str(folder)]
        self.process = subprocess.Popen(
            code, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True, preexec_fn=_heeds_ctrl_c
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text, seconds=90.0):
        """What was printed up to the text."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert select.select([self.master], [], [], max(0.0, end - time.monotonic()))[0], self.seen
            self.seen += os.read(self.master, 4096).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text):
        os.write(self.master, text.encode())


def test_on_a_terminal(typed, tmp_path):
    """A table is drawn, Ctrl-C cancels a statement that would take hours, an error leaves the prompt, Ctrl-D ends it with a history."""
    terminal = Terminal(typed.folder, tmp_path / "cache")
    terminal.wait_for("harness> ")
    terminal.type("select verdict\nfrom flips;\n")
    terminal.wait_for("...> ")
    assert "refuted" in terminal.wait_for("harness> ")
    terminal.type("select sum(a.range * b.range) from range(1000000) as a, range(1000000) as b;\n")
    terminal.wait_for("as b;")
    time.sleep(1.0)
    os.kill(terminal.process.pid, signal.SIGINT)
    assert "cancelled" in terminal.wait_for("harness> ")
    terminal.type("select nosuch from flips;\n")
    assert "there is no column" in terminal.wait_for("harness> ")
    terminal.type("\x04")
    assert terminal.process.wait(60) == 0
    os.close(terminal.master)
    assert "from flips;" in (tmp_path / "cache" / "sql_history").read_text()
