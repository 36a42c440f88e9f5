"""A model folder written tensor by tensor: safetensors shards whose sizes are known before the first entry is.

The folder appears whole or not at all: everything goes to <folder>.partial-<process>, is flushed to the disk, and is renamed in
the end. Where anything fails before, the partial folder is deleted.

Trap: a disk may be found full only when what was written is flushed, so each shard is flushed before the next is begun.
"""

import errno
import json
import math
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 5 * 10**9
CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
INDEX = "model.safetensors.index.json"
FULL = (errno.ENOSPC, errno.EDQUOT)


class Planned(NamedTuple):
    """A tensor that will be written: torch's name of its dtype, and its shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A partial folder to write into, which becomes `folder` at the end of the block.

    Raises:
        ModelError: something of that name exists, before or by then; it cannot be written, or the disk is full.
    """
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    try:
        if os.path.lexists(folder):
            raise ModelError(f"{folder} exists already: give a new name, or move it away.")
        partial.mkdir(parents=True)
        try:
            yield partial
            if os.path.lexists(folder):
                raise ModelError(f"{folder} was made by another process meanwhile: give a new name.")
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        if error.errno in FULL:
            raise ModelError(f"the disk of {folder} is full: free some space; nothing was kept.") from error
        raise ModelError(f"{folder} cannot be written ({error.strerror or error}): write to another place.") from error


def check_room(folder: Path, wanted: int) -> None:
    """ModelError: the disk has less room than `wanted` bytes."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < wanted:
        raise ModelError(f"{folder} needs {wanted / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB left: free some space.")


class ShardWriter:
    """Writes tensors in the order they were planned in; an index where there are several shards.

    Args:
        folder: to write into; it exists.
        planned: name -> Planned.
        shard_bytes: a shard is closed before it would grow beyond this.

    Raises (`add`, `close`):
        ValueError: a tensor that is not the planned one.
    """

    def __init__(self, folder: Path, planned: Mapping[str, Planned], shard_bytes: int = SHARD_BYTES) -> None:
        self._folder = folder
        groups = _shards(planned, shard_bytes)
        count = len(groups)
        numbered = [f"model-{at:05}-of-{count:05}.safetensors" for at in range(1, count + 1)]
        self._files = ["model.safetensors"] if count == 1 else numbered
        self._shards = list(zip(self._files, groups, strict=True))
        self._map: dict[str, str] = {}
        self._planned = planned
        self._pending: list[str] = []
        self._file: BinaryIO | None = None

    def add(self, name: str, tensor: "Tensor") -> None:
        """The next tensor, on the CPU, in its planned dtype and shape."""
        import torch

        if not self._pending:
            self._begin()
        plan = self._planned[name]
        if self._pending.pop(0) != name or str(tensor.dtype) != f"torch.{plan.dtype}" or tuple(tensor.shape) != plan.shape:
            raise ValueError(f"{name} is not what was planned to come next")
        assert self._file is not None
        self._file.write(memoryview(tensor.contiguous().reshape(-1).view(torch.uint8).numpy()))
        if not self._pending:
            self._end()

    def close(self) -> None:
        """Write the index, once all tensors are there."""
        if self._shards or self._pending:
            raise ValueError("tensors are missing")
        if len(self._files) > 1:
            total = sum(each.bytes for each in self._planned.values())
            index = {"metadata": {"total_size": total}, "weight_map": self._map}
            (self._folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")

    def abort(self) -> None:
        """Let go of the file that is open."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        file, names = self._shards.pop(0)
        self._map |= dict.fromkeys(names, file)
        self._pending = list(names)
        self._file = open(self._folder / file, "wb")
        self._file.write(_header({name: self._planned[name] for name in names}))

    def _end(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _shards(planned: Mapping[str, Planned], limit: int) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    size = 0
    for name, each in planned.items():
        if groups[-1] and size + each.bytes > limit:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += each.bytes
    return groups


def _header(planned: Mapping[str, Planned]) -> bytes:
    entries, end = {}, 0
    for name, each in planned.items():
        start, end = end, end + each.bytes
        entries[name] = {"dtype": CODES[each.dtype], "shape": list(each.shape), "data_offsets": [start, end]}
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    header += b" " * (-len(header) % 8)  # data begins at a multiple of 8
    return struct.pack("<Q", len(header)) + header


def planned(dtype: str, shape: tuple[int, ...], itemsize: int) -> Planned:
    """From torch's name of a dtype and the bytes of an entry."""
    return Planned(dtype, shape, math.prod(shape) * itemsize)
