"""A merge in a process of its own, by `harness merge` or by mergekit: CPU and wall seconds, and the process's peak memory.

    harness     harness.engine.merge_folders, what `harness merge` calls
    mergekit    mergekit 0.1.5 (LGPL, run here for comparison): mergekit.merge.run_merge, what `mergekit-yaml` calls; one thread
    nothing     as a method: imports alone, so that what torch and transformers take can be told from what a merge does

Both compute in fp32 and write bf16; neither copies a tokenizer or writes a model card. Imports are outside the seconds and
inside the peak (VmHWM of /proc/self/status, mapped pages of the checkpoints included; Linux only).

    python -m suites.benchmarks.merge_process mergekit ties BASE EXPERT EXPERT OUT

mergekit is no dependency: `pip install --target REFS --no-deps mergekit immutables`, and REFS on PYTHONPATH.
Trap: with dtype bfloat16, as its examples have it, mergekit adds in bf16: another result, off by a rounding of every sum.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from suites.benchmarks.merge_runs import OPTIONS, Folders, undecided

ROOT = Path(__file__).parents[2]
INSTALL = "needs mergekit: pip install --target REFS --no-deps mergekit immutables, and REFS on PYTHONPATH"
NO_MERGEKIT = "" if find_spec("mergekit") else INSTALL
WAYS = ("harness", "mergekit")


class Spent(NamedTuple):
    """CPU and wall seconds of the merge; GiB of the process at its peak."""

    cpu: float
    wall: float
    peak: float


def merged(way: str, method: str, folders: Folders, out: Path) -> Spent:
    """Of a fresh process; "nothing" as the method imports and ends. What was written before under that name goes."""
    shutil.rmtree(out, ignore_errors=True)
    names = [way, method, *map(str, folders.all), str(out)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "suites.benchmarks.merge_process", *names],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Spent(**json.loads(done.stdout.splitlines()[-1]))


def furthest(one: Path, other: Path, method: str, folders: Folders) -> float:
    """Largest difference of two merged models' entries, over the largest entry of its tensor.

    Of TIES the entries that it leaves to convention are left out: see the trap in merge_runs.py.

    Raises:
        MeasureError: they do not have the same tensors.
    """
    from harness.errors import MeasureError
    from harness.models.checkpoint import Checkpoint

    mine, theirs = Checkpoint(one), Checkpoint(other)
    if set(mine.shapes) != set(theirs.shapes):
        raise MeasureError("the two merged models do not have the same tensors.")
    found = []
    for name in mine.shapes:
        a, b = mine.tensor(name).float(), theirs.tensor(name).float()
        apart = (a - b).abs()
        if method == "ties":
            apart[undecided(name, folders)] = 0.0
        found.append((apart.max() / a.abs().max()).item())
    return max(found)


def _harness(method: str, folders: Folders, out: Path) -> Callable[[], object]:
    from harness.engine.merge_folders import Asked, merge_folders
    from harness.merging import registry  # noqa: F401  (torch, outside the seconds)

    experts = tuple(map(str, folders.experts))
    return lambda: merge_folders(Asked(method, str(folders.base), experts, str(out), OPTIONS[method]))


def _mergekit(method: str, folders: Folders, out: Path) -> Callable[[], object]:
    import torch
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    given = OPTIONS[method] if method in OPTIONS else {}
    weighed = {"weight": 1.0} | {name: value for name, value in given.items() if name != "lam"}
    config = {
        "merge_method": method.replace("-", "_"),
        "base_model": str(folders.base),
        "models": [{"model": str(expert), "parameters": weighed} for expert in folders.experts],
        "parameters": {"lambda": given.get("lam", 1.0)},
        "dtype": "float32",
        "out_dtype": "bfloat16",
    }
    options = MergeOptions(quiet=True, write_model_card=False, copy_tokenizer=False)

    def run() -> None:
        with torch.no_grad():
            run_merge(MergeConfiguration.model_validate(config), str(out), options)

    return run


def main(way: str, method: str, base: str, noise: str, low: str, out: str) -> None:
    """Merge, and print what it took as JSON."""
    from harness import threads

    threads.configure()
    folders = Folders(Path(base), (Path(noise), Path(low)))
    run = {"harness": _harness, "mergekit": _mergekit}[way](method, folders, Path(out))
    began = time.process_time(), time.perf_counter()
    if method != "nothing":
        run()
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    [line] = [line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": int(line.split()[1]) / 2**20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
