"""What several parts of the tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = """
import harness as h

TOY = h.Paper("path-not-taken", arxiv="", title="A stand-in for the paper that the README asks about")


@TOY.claim("is-one", says="one is one", source="nowhere", bound=h.exact(1), null=h.variant(x=2), plant=h.variant(x=1))
def test_is_one(x=1):
    return x
"""


@pytest.fixture(scope="session")
def store_with_one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder into which a real session wrote one claim."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "test_toy.py").write_text(TOY)
    (folder / "pyproject.toml").write_text("[tool.pytest]\nstrict = true\n")
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:benchmark"]
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache")}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=True)
    return folder / "results"
