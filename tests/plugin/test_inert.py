"""The plugin costs nothing where it is not used, and collecting claims imports no torch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

COLLECT = """
import sys, pytest
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
heavy = [name for name in ("torch", "transformers", "peft", "trl", "lm_eval", "datasets") if name in sys.modules]
print("HEAVY", heavy, "CODE", int(code))
"""


def test_collecting_the_suites_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, "suites/"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "HEAVY [] CODE 0" in done.stdout, done.stdout + done.stderr


def test_help_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "HEAVY [] CODE 0" in done.stdout and "--claim-scale" in done.stdout


def test_a_session_without_claims_writes_and_prints_nothing(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    assert sorted([2, 1]) == [1, 2]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:benchmark"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "claims:" not in done.stdout and "harness query" not in done.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {"test_plain.py", "__pycache__"}
