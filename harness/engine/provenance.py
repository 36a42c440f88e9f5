"""What a result rests on: commit, versions, machine, numeric settings. Facts only; what is unknown is None."""

import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "transformers", "peft", "trl", "lm_eval", "numpy", "scipy", "duckdb", "pyarrow", "pytest")


def versions() -> dict[str, str | None]:
    """Installed versions of python and of the packages that can move a number; nothing is imported."""
    from harness import __version__

    found: dict[str, str | None] = {"harness": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def git_state(root: Path) -> dict[str, object]:
    """Commit, dirty flag and a hash of the uncommitted difference of the checkout at `root`."""
    sha = _git(root, "rev-parse", "HEAD")
    if sha is None:
        return {"git_sha": None, "git_dirty": None, "diff_sha": None}
    status = _git(root, "status", "--porcelain") or ""
    difference = (_git(root, "diff", "HEAD") or "") + status
    return {
        "git_sha": sha,
        "git_dirty": bool(status),
        "diff_sha": hashlib.sha256(difference.encode()).hexdigest()[:16] if status else None,
    }


def machine() -> dict[str, object]:
    """Processor name, threads a process computes on, and where the continuous-integration log is."""
    from harness import threads

    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return {
        "cpu": _cpu_name(),
        "threads": threads.count(),
        "ci_url": f"{server}/{repository}/actions/runs/{run}" if run else None,
        "argv": " ".join(["pytest", *sys.argv[1:]]),
    }


def numerics() -> dict[str, object]:
    """What torch computes with in this process. Call it where torch is loaded already."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "driver": torch.version.cuda if cuda else None,
        "blas": "mkl" if torch.backends.mkl.is_available() else "other",
        "tf32": bool(torch.backends.cuda.matmul.allow_tf32) if cuda else False,
        "deterministic": bool(torch.are_deterministic_algorithms_enabled()),
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
