"""Three checkpoints to merge, a base and two experts, and how fast their bytes can be read.

    read     every tensor of all three, every page touched, nothing else
    merge    `harness merge` of the same three, a fourth one written; see merge_process.py

The checkpoints are of Llama shapes and bf16 (harness/models/synthetic.py): one base, an expert by noise of relative size 1e-2
and one by a low-rank update of that size. 100 MB each, three layers of seven matrices.
Rates are bytes of the three checkpoints over the time: what is written comes on top. cold and warm as in diff_disk.py.
Trap: on the bf16 grid many entries of an update are equal: with the size of these updates 14 % of them lie at TIES'
threshold. `harness merge` keeps all of those (28 % in place of 20), mergekit as many as fill the count, whichever topk names
first. The two merged updates are .4 of their norm apart. Elsewhere they are equal, but where two kept moves cancel (ties.py).
"""

import shutil
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

MERGING = "merging"
"""Family, Holm-corrected on its own."""

SIZE = dict(layers=3, hidden=1024, ffn=4096, heads=16, kv_heads=16)
RELATIVE = 1e-2
OPTIONS = {"task-arithmetic": {"lam": 0.4}, "ties": {"density": 0.2, "lam": 1.0}}
"""Methods that mergekit has too, and what they are given."""


class Folders(NamedTuple):
    """Of the three models."""

    base: Path
    experts: tuple[Path, Path]

    @property
    def all(self) -> tuple[Path, ...]:
        """Base first."""
        return (self.base, *self.experts)

    @property
    def bytes(self) -> int:
        """Of all weights."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def files(self) -> list[Path]:
        """Every shard."""
        return [file for folder in self.all for file in sorted(folder.glob("*.safetensors"))]


def written(folder: Path, seed: int = 0, **sizes: int) -> Folders:
    """Draw and write them; `sizes` change SIZE."""
    from harness.models.synthetic import write_pair

    shapes = SIZE | sizes
    base, noise = write_pair(folder, **shapes, seed=seed, update="noise", relative=RELATIVE)
    again, low = write_pair(folder / "again", **shapes, seed=seed, update="low-rank", relative=RELATIVE)
    shutil.rmtree(again)  # the same base
    return Folders(base, (noise, low))


def undecided(name: str, folders: Folders) -> "Tensor":
    """Mask of the entries of a tensor where TIES is a convention: at the threshold in an expert, or moves that cancel."""
    import torch
    from harness.merging.threshold import threshold_of
    from harness.models.checkpoint import Checkpoint

    base, *experts = (Checkpoint(folder).tensor(name).float() for folder in folders.all)
    moves = [expert - base for expert in experts]
    at = [move.abs() == threshold_of(move.abs(), OPTIONS["ties"]["density"]) for move in moves]
    return torch.stack([*at, sum(moves) == 0.0]).any(0)


def read(folders: Folders) -> int:
    """Every tensor of all models, a byte of each page; the sum keeps it from being skipped."""
    import torch
    from harness.models.checkpoint import Checkpoint

    total = 0
    for folder in folders.all:
        model = Checkpoint(folder)
        for name in model.shapes:
            pages = model.tensor(name).flatten().view(torch.uint8)[::4096]
            total += int(pages.sum())
    return total


def read_rate(folders: Folders, *, cold: bool, rounds: int = 3) -> float:
    """Bytes a second of wall time with an empty page cache, else of CPU time; median of some rounds."""
    from suites.benchmarks.diff_disk import drop

    clock = time.perf_counter if cold else time.process_time
    read(folders)
    spent = []
    for _ in range(rounds):
        for file in folders.files if cold else []:
            drop(file)
        began = clock()
        read(folders)
        spent.append(clock() - began)
    return folders.bytes / median(spent)
