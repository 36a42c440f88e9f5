"""What a session prints: a failure needs no artifact, and the table suits the stream that it goes to."""

import os
import pty
import re
import shlex
import subprocess
import sys

BODY = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=0.1):
    return noisy(rng, shift)


@claim("is-one", h.exact(1), null=h.variant(shift=3), plant=h.variant(shift=1))
def test_is_one(shift=1):
    return shift


@claim("straddles", h.above(0.005), null=h.variant(shift=-1.0), expect="open")
def test_straddles(rng, shift=0.0):
    return noisy(rng, shift)
"""


def test_a_failure_shows_all_numbers_and_the_command_that_repeats_it(suite):
    """Measured by a worker, repeated by one process."""
    done = suite.write(BODY).run("-n", "2", "--claim-seed-base", "7", "--claim-seeds", "4")
    assert done.returncode == 1
    values = suite.query("SELECT role, control, seed, value FROM measurements WHERE claim_id = 'toy/rises'")
    assert len(values) == 12
    lines = [line.split() for line in done.stdout.splitlines()]
    for seed in range(7, 11):
        own = {(row["role"]): f"{row['value']:.4g}" for row in values if row["seed"] == seed}
        assert [str(seed), own["claim"], own["null"], own["plant"]] in lines
    assert "toy/rises [tiny] refuted, registered as supported" in done.stdout and "says         rises holds" in done.stdout
    [again] = [line for line in done.stdout.splitlines() if line.strip().startswith("again: ")]
    words = shlex.split(again.partition("again: ")[2])
    assert words[:2] == ["pytest", "test_toy.py::test_rises[scale=tiny]"]
    second = suite.run(*words[1:], "--claim-results", "second")
    assert second.returncode == 1 and "1 failed" in second.stdout
    suite.results = suite.folder / "second"
    again_values = suite.query("SELECT role, control, seed, value FROM measurements")
    assert sorted(map(str, again_values)) == sorted(map(str, values))


def test_a_log_that_is_told_its_width_is_never_wider_and_gets_ascii_where_it_is_not_utf(suite):
    done = suite.write(BODY).run(env={"COLUMNS": "60", "PYTHONIOENCODING": "latin-1"})
    table = done.stdout[done.stdout.index(" claims: ") :].splitlines()
    table = [line for line in table if "short test summary" not in line and not line.startswith(("FAILED", "="))]
    assert max(map(len, table)) <= 60
    assert "would settle it" in " ".join(done.stdout.split())
    assert done.stdout.isascii() and "\\u" not in done.stdout
    assert re.search(r"\b1 +- ", done.stdout)  # an exact claim has no interval: the dash is spelled out


FAMILY = """
import itertools

SEEDS = {}


def around(mean):
    return mean + (-0.1, -0.05, 0.0, 0.05, 0.1)[next(SEEDS.setdefault(mean, itertools.count()))]


@claim("settled", h.above(0.5), null=h.variant(mean=0.2), plant=h.variant(mean=2.0))
def test_settled(mean=1.5):
    return around(mean)


@claim("late", h.above(0.5), null=h.variant(mean=0.1), plant=h.variant(mean=3.0), expect="refuted")
def test_late(mean=0.58):
    return around(mean)
"""


def test_what_only_the_whole_family_settles_is_printed_with_its_numbers(suite):
    """Alone at half of alpha `late` is inconclusive; once `settled` is, all of alpha is its own, and it is supported."""
    done = suite.write(FAMILY).run()
    assert done.returncode == 1 and "2 passed" not in done.stdout and "1 inconclusive" in done.stdout
    flip = done.stdout[done.stdout.index("FLIP toy/late [tiny]: supported, registered as refuted, once its family") :].splitlines()
    assert any(line.split()[:2] == ["estimate", "0.58"] for line in flip)
    assert [line.split()[1] for line in flip if line.split()[:1] in (["0"], ["1"], ["2"], ["3"], ["4"])] == [
        "0.48", "0.53", "0.58", "0.63", "0.68",
    ]  # fmt: skip


def test_in_ci_a_short_summary_that_is_forced_names_a_failure_and_does_not_repeat_it(suite):
    done = suite.write(BODY).run("--force-short-summary", env={"CI": "true"})
    assert done.stdout.count("again: ") == 1 and "FAILED test_toy.py::test_rises" in done.stdout


def on_a_terminal(suite, *arguments, **environ) -> str:
    """What `pytest -m claim` writes to a terminal of 70 columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 70, 0, 0))
    env = {**os.environ, "HARNESS_CACHE": str(suite.folder / "cache"), "TERM": "xterm", "PY_COLORS": "", **environ}
    env = {name: value for name, value in env.items() if name != "COLUMNS" and value}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", "-m", "claim", *arguments]
    with subprocess.Popen(command, cwd=suite.folder, stdout=theirs, stderr=theirs, stdin=theirs, env=env) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        process.wait(timeout=120)
    os.close(ours)
    return shown.decode()


def test_on_a_terminal_verdicts_have_colours_and_lines_fit(suite):
    text = on_a_terminal(suite.write(BODY))
    assert "\x1b[31mREFUTED\x1b[0m" in text
    table = text[text.index(" claims: ") :].replace("\x1b[33m", "").replace("\x1b[31m", "").replace("\x1b[0m", "").splitlines()
    assert max(len(line) for line in table[1:6]) <= 70


def test_a_dumb_terminal_gets_neither_colour_nor_cursor_movements(suite):
    text = on_a_terminal(suite.write(BODY), TERM="dumb")
    assert "REFUTED" in text and "\x1b" not in text and text.isascii()
