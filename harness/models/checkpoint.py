"""Weights in a folder, read tensor by tensor without building a model; what cannot be trusted or read is refused.

Safetensors, or pickles that torch's `weights_only` loader accepts; sharded or not. A folder of adapters or of another
framework's weights is not a model. Reading one tensor of a 7B safetensors checkpoint touches only that tensor's pages;
of a pickle, torch maps the file where its format allows it. Of config.json only the text is read: code that it names
(`auto_map`) is never imported.
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.models import tensor_file
from harness.models.tensor_file import Shape

if TYPE_CHECKING:
    from torch import Tensor

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # the first there is read; an index is called so plus .index.json
UNFINISHED = (".tmp", ".incomplete", ".part")
SHARD = re.compile(r"(?P<stem>model|pytorch_model)-\d+-of-(?P<count>\d+)\.(?:safetensors|bin)")
TRAINING_SHARD = re.compile(r".*\.distcp|.*_rank_\d+\.pt|mp_rank_\d+.*\.pt")


class Checkpoint:
    """The tensors of a model folder, by name.

    Attributes:
        folder: where the model is.
        shapes: name -> Shape, in the files' order.

    Raises (constructor and `read`):
        ModelError: the folder is missing, has no config.json or no weights, a shard is missing, damaged, still being written or
            without a tensor that the index names, or a pickle holds more than weights.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ModelError(f"{self.folder} is not a folder: give the folder of a model, or a hub id.")
        if not (self.folder / "config.json").is_file():
            raise ModelError(f"{self.folder} has no config.json: give the folder that save_pretrained wrote.")
        _refuse_unfinished(self.folder)
        index = _index(self.folder)
        files = sorted({self.folder / shard for shard in index.values()}) or [_single_file(self.folder)]
        self._stamps = {file: tensor_file.stamp(file) for file in files}
        self.shapes: dict[str, Shape] = {}
        for file in files:
            self.shapes |= tensor_file.headers(file)
        for name, shard in index.items():
            if name not in self.shapes or self.shapes[name].file != self.folder / shard:
                raise ModelError(f"{self.folder / shard} lacks {name}, which its index says it holds: download it again.")

    @cached_property
    def config(self) -> dict[str, Any]:
        """What config.json says; a ModelError where it is damaged."""
        file = self.folder / "config.json"
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{file} is damaged: copy or download it again.") from error
        if not isinstance(found, dict):
            raise ModelError(f"{file} is damaged: it must hold one object.")
        return found

    def read(self, names: list[str]) -> Iterator[tuple[str, "Tensor"]]:
        """The named tensors as stored (dtype kept, CPU), one at a time, grouped by file."""
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self.shapes[name].file, []).append(name)
        for wanted in by_file.values():
            for name in wanted:
                yield name, self.tensor(name)

    def tensor(self, name: str, part: int | slice | None = None) -> "Tensor":
        """One tensor as stored, or the part of it along its first axis; mapped, see `tensor_file.read`.

        Raises:
            ModelError: its file changed since this object was made, or cannot be read any more.
        """
        file = self.shapes[name].file
        tensor_file.check_unchanged(file, self._stamps[file])
        return tensor_file.read(file, name, part)


def _index(folder: Path) -> dict[str, str]:
    """Tensor name -> shard, from the index of the first of WEIGHT_FILES that is there; empty where that has no index."""
    for name in WEIGHT_FILES:
        file = folder / f"{name}.index.json"
        if file.is_file():
            return _read_index(file)
        if (folder / name).is_file():
            return {}
    return {}


def _read_index(file: Path) -> dict[str, str]:
    try:
        index = json.loads(file.read_text(encoding="utf-8"))["weight_map"]
        sound = index and all(isinstance(shard, str) and Path(shard).name == shard for shard in index.values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{file} is damaged: download the model again.") from error
    if not sound:
        raise ModelError(f"{file} is damaged, its weight_map must name files beside it: download the model again.")
    missing = sorted({shard for shard in index.values() if not (file.parent / shard).is_file()})
    if missing:
        raise ModelError(f"{file.parent} lacks {missing[0]}, which its index names: download the model again.")
    return index


def _single_file(folder: Path) -> Path:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    names = sorted(file.name for file in folder.iterdir())
    shards = [shard for name in names if (shard := SHARD.fullmatch(name))]
    if shards:
        raise ModelError(
            f"{folder} has {len(shards)} of {int(shards[0]['count'])} shards and no index, so it is not whole: wait if it is "
            "still being written, else copy or download it again."
        )
    if any(TRAINING_SHARD.fullmatch(name) for name in names):
        raise ModelError(f"{folder} holds a distributed trainer's shards: merge them into a folder as save_pretrained writes.")
    raise ModelError(f"{folder} has no weights: it needs {' or '.join(WEIGHT_FILES)}, or their shards with an index.")


def _refuse_unfinished(folder: Path) -> None:
    """A writer's temporary file beside the weights: what is there may be half of the old and half of the new."""
    for file in sorted(folder.iterdir()):
        if any(mark in file.name for mark in UNFINISHED) and file.name.startswith(("model", "pytorch_model")):
            raise ModelError(
                f"{folder} is still being written, it has {file.name}: wait, or delete that file if its writer died."
            )
