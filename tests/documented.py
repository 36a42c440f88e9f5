"""Pages of documentation as data: their code blocks, their commands, and those commands as a test may run them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from pytest import fixture

ROOT = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a page in this language."""
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.S)


def commands(page: str) -> list[str]:
    """The shell commands of a page, without their comments."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]
    return [line.split(" # ")[0].strip() for line in lines]


@fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, str]:
    """Model folders for BASE, TUNED, OTHER and for replicates (RL1, RL2 ...), checkpoints for RUN, a place for MERGED."""
    from harness.models import tiny
    from harness.models.quiet import quiet_transformers

    names = "BASE TUNED OTHER RL1 RL2 SFT1 SFT2 TWIN1 TWIN2".split()
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in names}
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
    named = rf"\b({'|'.join(checkpoints)})\b"
    words = [re.sub(named, lambda word: checkpoints[word[0]], word) for word in shlex.split(command, comments=True)]
    program, rest = words[0], words[1:]
    if "--claim-base" in rest:
        return [*PYTEST, *rest]
    if program == "make":
        return ["make", "-n", *rest]
    if program == "pytest":
        plain = [word for word in rest if word not in ("-n", "2")]
        return [*PYTEST, "--collect-only", "-q", *plain]
    if program == "python":
        return [sys.executable, *rest]
    assert program == "harness", command
    if rest == ["report"]:
        rest = ["report", "--out", str(Path(checkpoints["MERGED"]).with_name("report.html"))]
    return [sys.executable, "-m", "harness.cli", *rest]


def done(words: list[str], *, results: Path, timeout: float = 300) -> subprocess.CompletedProcess:
    """The process, ended; `results` is the store that it asks and writes."""
    environment = {**os.environ, "HARNESS_RESULTS": str(results), "COLUMNS": "200"}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
