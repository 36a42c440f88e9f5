"""Frames on disk, by the content of the matrix they were computed from.

    folder/<hash of values, shape, dtype>-<what>.safetensors        one per matrix, 8 (m + n + 1) q bytes

A frame of 4096 x 4096 takes 25 CPU-seconds and reads back in half of one. Each file carries the hash of every tensor in it.
Two processes may fill the same folder. A file appears whole under its name (os.replace of a temporary file in the same folder),
and both writers of one name write the same frame, so the last one wins and nothing is lost but its time; a lock would save that
time only where two processes meet on the same matrix at once. A file that vanishes or is replaced while it is read is read to
its end, or counts as absent.
Trap: nothing here may fail a measurement. A damaged file is computed anew, a full disk or a folder without permission
leaves a sentence in `trouble`, for the caller to show, and the frame is used and not stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from torch import Tensor

from harness.spectra.content_cache import content_key
from harness.spectra.frame import Frame

F = TypeVar("F", bound=tuple)
SUFFIX = ".safetensors"
# A temporary file this old belongs to a process that was killed.
STALE_SECONDS = 3600


class FrameStore:
    """Decompositions in a folder, limited in bytes; the ones not used for longest go first.

    Args:
        folder: made on the first write.
        limit_bytes: what the files may hold together. A frame larger than that is not stored.

    Attributes:
        trouble: one sentence on the first frame that could not be stored; None if all were.
    """

    def __init__(self, folder: Path | str, limit_bytes: int) -> None:
        self.folder = Path(folder)
        self.limit_bytes = limit_bytes
        self.trouble: str | None = None

    def get(self, matrix: Tensor, compute: Callable[[], F], what: str = "frame", kind: type[F] = Frame) -> F:
        """The frame of this matrix, from disk or computed, on the matrix's device.

        Args:
            matrix: whose content is the key; the device plays no part.
            compute: makes the frame where the folder has none that is whole.
            what: which result, with whatever it depends on ("frame", "top64-seed0"); part of the file's name.
            kind: NamedTuple of tensors that compute returns.
        """
        path = self.folder / f"{content_key(matrix)}-{what}{SUFFIX}"
        found = _read(path, kind)
        if found is not None:
            return kind(*(tensor.to(matrix.device) for tensor in found))
        frame = compute()
        self._write(path, frame)
        return frame

    def _write(self, path: Path, frame: tuple) -> None:
        size = sum(tensor.nbytes for tensor in frame)
        if size > self.limit_bytes:
            self._note(f"a frame of {size:,} bytes is over the limit of {self.limit_bytes:,} of {self.folder}")
            return
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid4().hex[:8]}.tmp")
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in zip(frame._fields, frame, strict=True)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            save_file(tensors, temporary, {name: content_key(tensor) for name, tensor in tensors.items()})
            os.replace(temporary, path)
        except (OSError, SafetensorError) as error:
            self._note(f"{self.folder} takes no more ({str(error).rpartition('I/O error: ')[2]})")
            _remove(temporary)

    def _make_room(self, size: int) -> None:
        """Delete what was not read or written for longest until `size` more bytes fit, and what killed processes left."""
        files = []
        for path in self.folder.iterdir():
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix == ".tmp" and time.time() - stat.st_mtime > STALE_SECONDS:
                _remove(path)
            elif path.suffix == SUFFIX:
                files.append((stat.st_mtime, stat.st_size, path))
        held = sum(file_size for _, file_size, _ in files)
        for _, file_size, path in sorted(files):
            if held + size <= self.limit_bytes:
                break
            _remove(path)
            held -= file_size

    def _note(self, what: str) -> None:
        if self.trouble is None:
            self.trouble = f"The frame is used but not stored: {what}; free space or name another folder to keep frames."


def _read(path: Path, kind: type[tuple]) -> list[Tensor] | None:
    """The tensors of a file in the order of kind's fields; None where it is absent, or not what was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            if set(written) != set(kind._fields):
                return None
            tensors = [file.get_tensor(name) for name in kind._fields]
        os.utime(path)
    except (OSError, SafetensorError):
        return None
    if any(content_key(tensor) != written[name] for name, tensor in zip(kind._fields, tensors, strict=True)):
        return None
    return tensors


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # Another process's, or a folder that has become read-only: it stays.
        return
