"""The README's commands and its claim are executed, so that it stays true."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.store.baseline import write_baseline
from pytest import fixture, mark
from tests.documented import PYTEST, ROOT, as_tested, blocks, checkpoints, commands, done  # noqa: F401

README = (ROOT / "README.md").read_text()


def test_the_readme_names_the_two_commands_and_some_queries():
    assert {"make claims", "make test"} <= set(commands(README))
    assert sum(command.startswith("harness query") for command in commands(README)) >= 3


@fixture(scope="session")
def store(tmp_path_factory, store_with_one_run) -> Path:
    """A store to ask and to write, with its baseline."""
    folder = tmp_path_factory.mktemp("readme") / "results"
    shutil.copytree(store_with_one_run, folder)
    write_baseline(folder)
    return folder


@mark.parametrize("command", commands(README))
def test_a_readme_command_works(command, store, checkpoints):  # noqa: F811
    ended = done(as_tested(command, checkpoints), results=store, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_readme_claim_is_a_claim(tmp_path):
    [source] = [block for block in blocks(README, "python") if "@PAPER.claim" in block]
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    (tmp_path / "test_mine.py").write_text(source)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest]\nstrict = true\n")
    ended = subprocess.run(
        [*PYTEST, "-p", "harness.plugin", "-m", "claim", "--claim-plan", str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "rlvr" in ended.stdout and "sft" in ended.stdout
