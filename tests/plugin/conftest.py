"""Real pytest on a small suite in a folder of its own, serial or with two workers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = """
import harness as h
import torch_free  # fails the collection if a claim's module pulls torch in

TOY = h.Paper("toy", arxiv="", title="A toy paper")


def claim(id, bound, expect="supported", **more):
    given = dict(null=h.variant(shift=0.0), plant=h.variant(shift=2.0)) | more
    return TOY.claim(id, says=f"{id} holds", source="nowhere", bound=bound, expect={"tiny": expect}, **given)


def noisy(rng, shift):
    return shift + rng.initial_seed() % 1000 / 1e5
"""

TORCH_FREE = "import sys\nassert 'torch' not in sys.modules\n"


class Suite:
    """A suite in a temporary folder, and ways to run it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.results = folder / "results"
        (folder / "pyproject.toml").write_text('[tool.pytest]\nstrict = true\nfilterwarnings = ["error"]\npythonpath = ["."]\n')
        (folder / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n')
        (folder / "torch_free.py").write_text(TORCH_FREE)

    def write(self, body: str, name: str = "test_toy.py") -> "Suite":
        (self.folder / name).write_text(HEADER + body)
        return self

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """`pytest -m claim` with these arguments, as a user would run it; output as text."""
        given = arguments if "-m" in arguments else ("-m", "claim", *arguments)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", *given],
            cwd=self.folder,
            env={**os.environ, "HARNESS_CACHE": str(self.folder / "cache"), "COLUMNS": "200", **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def query(self, sql: str) -> list[dict]:
        """Rows of the store, through the command line."""
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", "query", sql, "--results", str(self.results), "--format", "json"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return json.loads(done.stdout)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """An empty suite in a folder of its own."""
    return Suite(tmp_path)
