"""Weights in a folder, read tensor by tensor without building a model; what cannot be trusted or read is refused.

Safetensors, or pickles that torch's `weights_only` loader accepts; sharded or not. A folder of adapters or of another
framework's weights is not a model. Reading one tensor of a 7B safetensors checkpoint touches only that tensor's pages;
of a pickle, torch maps the file where its format allows it.
"""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # the first that is there is read; indices are theirs plus .index.json


class Shape(NamedTuple):
    """Where a tensor lies and how big it is."""

    file: Path
    shape: tuple[int, ...]


class Checkpoint:
    """The tensors of a model folder, by name.

    Attributes:
        folder: where the model is.
        shapes: name -> Shape, in the files' order.

    Raises (constructor and `read`):
        ModelError: the folder is missing, has no config.json or no weights, a shard is missing or damaged, or a pickle
            holds more than weights.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ModelError(f"{self.folder} is not a folder: give the folder of a model, or a hub id.")
        if not (self.folder / "config.json").is_file():
            raise ModelError(f"{self.folder} has no config.json: give the folder that save_pretrained wrote.")
        self.shapes: dict[str, Shape] = {}
        for file in _weight_files(self.folder):
            headers = _safetensors_shapes(file) if file.suffix == ".safetensors" else _pickle_shapes(file)
            self.shapes |= {name: Shape(file, shape) for name, shape in headers.items()}

    def read(self, names: list[str]) -> Iterator[tuple[str, "Tensor"]]:
        """The named tensors as stored (dtype kept, CPU), one at a time, grouped by file."""
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self.shapes[name].file, []).append(name)
        for file, wanted in by_file.items():
            if file.suffix == ".safetensors":
                from safetensors import safe_open

                with safe_open(file, framework="pt") as tensors:
                    for name in wanted:
                        yield name, tensors.get_tensor(name)
            else:
                state = _unpickle(file)
                for name in wanted:
                    yield name, state[name]


def _weight_files(folder: Path) -> list[Path]:
    for name in WEIGHT_FILES:
        if (folder / f"{name}.index.json").is_file():
            try:
                shards = sorted(set(json.loads((folder / f"{name}.index.json").read_text())["weight_map"].values()))
            except (ValueError, KeyError, AttributeError) as error:
                raise ModelError(f"{folder / name}.index.json is damaged: download the model again.") from error
            missing = [shard for shard in shards if not (folder / shard).is_file()]
            if missing:
                raise ModelError(f"{folder} lacks {missing[0]}, which its index names: download the model again.")
            return [folder / shard for shard in shards]
        if (folder / name).is_file():
            return [folder / name]
    raise ModelError(f"{folder} has no weights: it needs {' or '.join(WEIGHT_FILES)}, or their shards with an index.")


def _safetensors_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}
    except SafetensorError as error:
        raise ModelError(f"{file} is not a whole safetensors file ({error}): copy or download it again.") from error


def _pickle_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _unpickle(file).items()}


def _unpickle(file: Path) -> dict[str, "Tensor"]:
    import torch

    try:
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file} is refused: it holds more than weights, and loading it could run code; convert it to safetensors."
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ModelError(f"{file} cannot be read as torch weights: copy it again or convert it to safetensors.") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ModelError(f"{file} is not a plain mapping from names to tensors: save the model's state_dict instead.")
    return state
