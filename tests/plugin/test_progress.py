"""Progress in real sessions, on a terminal and in a log, in one process and with two workers. Nothing is really trained."""

import os
import pty
import subprocess
import sys

from pytest import mark
from tests.report.screen import screen

CONFTEST = """
import time
import pytest
from harness import plugin_progress

pytest_plugins = ["harness.plugin"]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    tell = plugin_progress.teller(pyfuncitem.config)
    arm = "rlvr" if "one" in pyfuncitem.name else "sft"
    for step in (100, 200, 300):
        now = dict(arm=arm, scale="tiny", seed=0, step=step, steps=300, reward=0.5, loss=0.01, seconds=step / 10)
        tell(now | dict(seconds_left=(300 - step) / 10, cost_s=30.0, others=[]))
        time.sleep(PAUSE)
    return (yield)
"""
BODY = """
import pytest

@pytest.mark.parametrize("scale", ["tiny"], ids=["scale=tiny"])
@pytest.mark.parametrize("seed", range(2))
def test_one(scale, seed):
    pass

@pytest.mark.parametrize("scale", ["tiny"], ids=["scale=tiny"])
def test_two(scale):
    pass
"""


def written(tmp_path, *arguments, terminal=True, pause=0.0, width=78) -> str:
    """What a session of three tests that train writes."""
    (tmp_path / "conftest.py").write_text(CONFTEST.replace("PAUSE", str(pause)))
    (tmp_path / "test_toy.py").write_text(BODY)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest]\nfilterwarnings = ["error"]\n')
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", "--no-header"]  # its paths are long
    command += ["--claim-results", str(tmp_path / "r"), *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(width), "NO_COLOR": "1"}
    given = dict(cwd=tmp_path, env=environment, stderr=subprocess.STDOUT)
    if not terminal:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True, **given).stdout
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, **given) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
        assert process.wait(timeout=120) == 0, shown.decode()
    os.close(ours)
    return shown.decode()


def results(lines):
    return [line.split() for line in lines if line.startswith("test_toy.py")]


def test_on_a_terminal_the_line_stands_below_the_dots_and_goes(tmp_path):
    text = written(tmp_path)
    assert "rlvr [tiny] seed 0  step 100/300  20 s left  reward 0.50  loss 0.010" in text
    first = screen(text[: text.index("step 200/300")], 78)
    assert first[-2].startswith("test_toy.py") and first[-1].strip().startswith("rlvr [tiny] seed 0")
    last = screen(text, 78)
    assert results(last) == [["test_toy.py", "...", "[100%]"]]
    assert not any("seed 0" in line for line in last) and "3 passed" in last[-2] + last[-1]


def test_two_workers_share_the_line_and_garble_nothing(tmp_path):
    text = written(tmp_path, "-n", "2", pause=0.7)
    assert "gw0 rlvr [tiny] seed 0  step" in text and " | gw1 " in text
    last = screen(text, 78)
    assert not any("seed 0" in line for line in last) and "3 passed" in last[-2] + last[-1]
    assert "".join(line for line in last if set(line.split("[")[0].strip()) == {"."}).count(".") == 3


@mark.parametrize("workers", ["0", "2"])
def test_a_log_gets_a_line_an_arm_and_no_more(tmp_path, workers):
    text = written(tmp_path, "-n", workers, terminal=False)
    told = [line.strip() for line in text.splitlines() if "trained " in line]
    says = "300 steps in 30 s a run, reward 0.50, loss 0.010"
    assert sorted(told) == [f"trained {arm} [tiny]: {says}" for arm in ("rlvr", "sft")]
    assert "seed 0" not in text and "\x1b" not in text and "\r" not in text


def test_a_session_without_claims_says_nothing_and_leaves_nothing(tmp_path):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", "-n", "2", "test_plain.py"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert "1 passed" in done.stdout and not list((tmp_path / "temporary").glob("harness-*"))
