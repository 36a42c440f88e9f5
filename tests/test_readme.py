"""The README's commands and its claim are executed, so that it stays true."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from pytest import fixture, mark

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
    return [line.split(" # ")[0].strip() for line in lines]


@fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, str]:
    """Model folders for the words BASE, TUNED and OTHER, a run of two checkpoints for RUN, and a place for MERGED."""
    from harness.models import tiny
    from harness.models.quiet import quiet_transformers

    folders = {name: str(tmp_path_factory.mktemp(name)) for name in ("BASE", "TUNED", "OTHER")}
    for seed, folder in enumerate(folders.values()):
        with quiet_transformers():
            tiny.build(seed).model.save_pretrained(folder)
    run = tmp_path_factory.mktemp("RUN")
    for step in (1, 2):
        shutil.copytree(folders["TUNED"], run / f"checkpoint-{step}")
    return {**folders, "RUN": str(run), "MERGED": str(tmp_path_factory.mktemp("out") / "merged")}


def as_tested(command: str, checkpoints: dict[str, str]) -> list[str]:
    """The command without its cost: make and pytest say what they would do, queries run on the store that is given.

    What is asked of two checkpoints is done.
    """
    named = r"\b(BASE|TUNED|OTHER|RUN|MERGED)\b"
    words = [re.sub(named, lambda word: checkpoints[word[0]], word) for word in shlex.split(command, comments=True)]
    program, rest = words[0], words[1:]
    if "--claim-base" in rest:
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *rest]
    if program == "make":
        return ["make", "-n", *rest]
    if program == "pytest":
        plain = [word for word in rest if word not in ("-n", "2")]
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *plain]
    assert program == "harness", command
    return [sys.executable, "-m", "harness.cli", *rest]


def test_the_readme_names_the_two_commands_and_some_queries():
    assert {"make claims", "make test"} <= set(commands())
    assert sum(command.startswith("harness query") for command in commands()) >= 3


@mark.parametrize("command", commands())
def test_a_readme_command_works(command, store_with_one_run, checkpoints):
    done = subprocess.run(
        as_tested(command, checkpoints), cwd=ROOT, env={**os.environ, "HARNESS_RESULTS": str(store_with_one_run)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_claim_is_a_claim(tmp_path):
    [source] = [block for block in blocks("python") if "@PAPER.claim" in block]
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    (tmp_path / "test_mine.py").write_text(source)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest]\nstrict = true\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", "-m", "claim", "--claim-plan", str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rlvr" in done.stdout and "sft" in done.stdout
