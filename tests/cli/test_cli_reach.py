"""`harness reach` as it is typed: the table, its exit codes, its sentences for bad input."""

import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from harness import cli
from harness.engine import reach_class, reach_rows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ask(capsys):
    """ask("--tuner", ...) runs the command in this process; gives (exit code, output, errors)."""

    def run(*arguments):
        try:
            code = cli.main(["reach", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def test_two_tuners_and_one_that_cannot_be_trained(ask):
    code, out, err = ask("--tuner", "lora", "--tuner", "oft", "--tuner", "prompt_tuning", "--steps", 3)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["tuner", "lora", "oft", "prompt_tuning"]
    assert "not measured: it trains vectors" in lines[3]
    assert lines[-1] == "2 of 2 tuners are as registered (seed 0, 3 steps); 1 not measured."


def test_a_class_that_is_not_borne_out_is_exit_code_1(ask, monkeypatch):
    monkeypatch.setattr(reach_rows, "criterion", lambda tuner: reach_class.EXACT["right"])
    code, out, _ = ask("--tuner", "lora", "--steps", 2)
    assert code == 1 and " NO " in out and "lora is not: sigma and left frame is" in out


def test_numbers_alone_on_stdout(ask):
    code, out, err = ask("--tuner", "lora", "--steps", 2, "--json")
    [found] = json.loads(out)
    assert code == 0 and found["tuner"] == "lora" and found["parameters"] == 17408 and found["max_rank"] == 8
    assert err.startswith("1 of 1 tuners")
    [row] = csv.DictReader(ask("--tuner", "lora", "--steps", 2, "--csv")[1].splitlines())
    assert float(row["p_left"]) == found["p_left"], "the same seed, the same numbers"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tuner", "lorra"), "harness: there is no tuner 'lorra'; use one of lora, "),
        (("--seed", "-1"), "harness: --seed -1: give a whole number from 0."),
        (("--steps", "0"), "harness: --steps 0: give a whole number from 1."),
        (("--json", "--csv"), "not allowed with argument"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(ask, arguments, says):
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "") and says in err
    assert "--json" in arguments or len(err.splitlines()) == 1


def test_help_and_a_bad_name_import_no_torch():
    code = "import sys; from harness import cli; cli.main(['reach', '--tuner', 'lorra']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_terminal_gets_its_own_width():
    """The table is asked for on a pseudo-terminal of 60 columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "harness.cli", "reach", "--tuner", "lora", "--steps", "1"]
    done = subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(theirs)
    seen = b""
    while chunk := _read(ours):
        seen += chunk
    assert done.returncode == 0, done.stderr
    [line] = [line for line in seen.decode().splitlines() if "yes" in line]
    assert "any" in line and "resid" not in seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says EIO where the other end is closed
        return b""
