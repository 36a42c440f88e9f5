"""One file of tensors: safetensors, or a pickle that torch's weights-only loader accepts.

A tensor is mapped when it is asked for and the file let go again, so what is resident is what the caller holds: of a file of
770 MB, one open handle kept 770 MB resident, opening it anew for each tensor 90 MB, for 0.4 ms each. A pickle takes 30 ms to
open: it is let go after every 256 MB. Only a pickle from before torch 1.6 cannot be mapped; it is read whole, and kept.

Trap: a file that is cut short in place while it is mapped ends the process (SIGBUS). safetensors, transformers and the hub's
downloads write another file and rename it, which is safe, and is noticed at the next read.

A state inside a training checkpoint ({"model": {"state_dict": ...}, "optimizer": ...}) is found by one rule, see `state_of`.
"""

import functools
import math
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

PICKLES = (".pt", ".pth", ".tar", ".bin", ".ckpt")
STATES = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
SAFETENSORS_DTYPES = {  # to torch's name and bytes
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 1),
    "F8_E5M2": ("float8_e5m2", 1),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 1),
    "F8_E8M0": ("float8_e8m0fnu", 1),
}


class Shape(NamedTuple):
    """Where a tensor lies, how big it is and how it is stored.

    `dtype` is torch's name of it, or the format's own where it is no floating-point one ("I64"), whose `bytes` are not counted.
    `storage` is equal for tensors of a file that are one and the same, which only a pickle can say; None says nothing.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: str = ""
    bytes: int = 0
    storage: tuple[int, ...] | None = None


MAPPED_BYTES = 2**28


class Stamp(NamedTuple):
    """Size and time of a file: other ones mean that it was written anew."""

    size: int
    mtime: int


def stamp(file: Path) -> Stamp:
    """ModelError: there is no such file, or it may not be read."""
    try:
        found = os.stat(file)
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}): check the path and its permissions.") from error
    return Stamp(found.st_size, found.st_mtime_ns)


def check_unchanged(file: Path, before: Stamp) -> None:
    """Refuse to mix two versions of a checkpoint.

    Raises:
        ModelError: the file is gone, or no longer what it was.
    """
    if stamp(file) != before:
        raise ModelError(f"{file} changed while it was read: wait until whatever writes it has ended, then start again.")


def headers(file: Path, nested: bool = False) -> dict[str, Shape]:
    """Names and shapes of a file's tensors, in its order.

    Args:
        file: *.safetensors, else a pickle.
        nested: look for the state inside a training checkpoint; else a pickle must be the state itself.

    Raises:
        ModelError: the file is missing, damaged, still being written, or holds what could run code.
    """
    version = stamp(file)
    if file.suffix == ".safetensors":
        return _safetensors_headers(file)
    state = _opened(file, nested, version).state
    return {name: _pickled_shape(file, tensor) for name, tensor in state.items()}


def read(file: Path, name: str, part: int | slice | None = None, nested: bool = False) -> "Tensor":
    """One tensor as stored (CPU), or the part of it along its first axis.

    From a safetensors file it is a private view: pages are read when touched, and writing to it changes neither the file nor
    another read. From a pickle it is a copy.

    Raises:
        ModelError: the file cannot be read any more.
    """
    if file.suffix != ".safetensors":
        return _opened(file, nested, stamp(file)).tensor(name, part)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            tensor = tensors.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file} cannot be read any more ({error}): copy or download it again.") from error
    return tensor if part is None else tensor[part]


def state_of(content: object, depth: int = 4) -> "dict[str, Tensor] | None":
    """The state in what a pickle held: under the first of STATES that leads to tensors, four deep at most; else the mapping.

    Entries that are no tensors (a step, `_extra_state`) are left out. None where there is no tensor.
    """
    import torch

    if not isinstance(content, Mapping) or depth == 0:
        return None
    for key in STATES:
        found = state_of(content.get(key), depth - 1)
        if found:
            return found
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)} or None


def _safetensors_headers(file: Path) -> dict[str, Shape]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            slices = {name: tensors.get_slice(name) for name in tensors.keys()}
            return {name: _mapped_shape(file, tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
    except (SafetensorError, OSError) as error:
        if "unknown variant" in str(error):
            raise ModelError(f"{file} holds a dtype that safetensors does not know: convert it to a known one.") from error
        raise ModelError(
            f"{file} is not a whole safetensors file ({error}): wait if it is still being written, else copy or download it "
            "again."
        ) from error


class _Opened:
    """A pickle's state, opened anew after every MAPPED_BYTES that were read from it."""

    def __init__(self, file: Path, nested: bool) -> None:
        self._is_mapped = zipfile.is_zipfile(file)
        self._open = functools.partial(_load, file, nested, mmap=self._is_mapped)
        self._touched = 0
        self.state = self._open()

    def tensor(self, name: str, part: int | slice | None) -> "Tensor":
        if self._is_mapped and self._touched > MAPPED_BYTES:
            self.state, self._touched = self._open(), 0
        found = self.state[name] if part is None else self.state[name][part]
        self._touched += found.nbytes
        return found.clone()  # the state is shared between reads


@functools.lru_cache(maxsize=2)
def _opened(file: Path, nested: bool, version: Stamp) -> _Opened:
    return _Opened(file, nested)


def _load(file: Path, nested: bool, mmap: bool) -> "dict[str, Tensor]":
    import torch

    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file} is refused: it holds more than weights, and loading it could run code; convert it to safetensors."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file} cannot be read as torch weights: wait if it is still being written, else copy it again or convert it to "
            "safetensors."
        ) from error
    if nested:
        state = state_of(content)
        if not state:
            raise ModelError(f"{file} holds no tensors under {', '.join(STATES)} or by itself: save the model's state_dict.")
        return state
    if not isinstance(content, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in content.values()):
        raise ModelError(f"{file} is not a plain mapping from names to tensors: save the model's state_dict instead.")
    return content


def _mapped_shape(file: Path, shape: tuple[int, ...], stored: str) -> Shape:
    dtype, size = SAFETENSORS_DTYPES.get(stored, (stored, 0))
    return Shape(file, shape, dtype, math.prod(shape) * size)


def _pickled_shape(file: Path, tensor: "Tensor") -> Shape:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized:
        return Shape(file, tuple(tensor.shape), "packed")
    storage = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), *tensor.shape, *tensor.stride())
    return Shape(file, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), tensor.nbytes, storage)
