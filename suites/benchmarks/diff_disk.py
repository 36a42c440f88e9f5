"""Reading a pair from disk, and counting what changed on the way: bytes a second of both, in one state of the page cache.

    read     every matrix of both sides, every page touched, nothing else
    count    the same with `count_changed`, the next pair read ahead by a thread

cold: the files' pages are dropped before (posix_fadvise), so that the disk gives them: wall time counts. The disk of a virtual
machine may be a cache of its host's. warm: the files were read before: what is timed is mapping and touching pages, in CPU time.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from harness.models.pair import Pair


class Rates(NamedTuple):
    """Bytes a second of CPU time (warm) or wall time (cold), and the entries that changed."""

    read: float
    count: float
    changed: int


def rates(base: Path, tuned: Path, cold: bool, rounds: int = 3) -> Rates:
    """The best of some rounds, taken in turns.

    Args:
        base, tuned: two model folders.
        cold: see above.
        rounds: turns.
    """
    clock = time.perf_counter if cold else time.process_time
    pair = Pair(base, tuned)
    files = [file for side in (base, tuned) for file in side.glob("*.safetensors")]
    if not cold:
        count(pair)
    times, changed = [], 0
    for _ in range(rounds):
        taken = []
        for run in (read, count):
            for file in files if cold else []:
                drop(file)
            began = clock()
            changed = run(pair)
            taken.append(clock() - began)
        times.append(taken)
    reading, counting = (min(each) for each in zip(*times, strict=True))
    return Rates(pair.bytes / reading, pair.bytes / counting, changed)


def read(pair: Pair) -> int:
    """Every matrix of both sides, one after another."""
    return sum(w0.numel() - w1.numel() for _, w0, w1 in pair.read(prefetch=0))


def count(pair: Pair) -> int:
    """How many stored entries differ."""
    from harness.spectra.bf16_change import count_changed

    return sum(count_changed(w0, w1) for _, w0, w1 in pair.read(prefetch=1))


def drop(file: Path) -> None:
    """Let the system forget the pages of a file."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def written(folder: Path, size: str, layers: int) -> tuple[Path, Path]:
    """A synthetic pair of a size's shapes, of noise."""
    from harness.models.synthetic import SIZES, write_pair

    shapes: dict[str, int] = SIZES[size]._asdict() | {"layers": layers}
    return write_pair(folder, **shapes)
