"""One side of a pair: a model folder, a file of tensors or a GGUF, as matrices that are read one at a time.

fp8 comes as fp32 with its scales applied: one number, one a row or column, or one a block, in `weight_scale` or
`weight_scale_inv` (which multiplies too, its name notwithstanding). GGUF comes as fp32. Everything else comes as stored.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import ModelError
from harness.models import layout, tensor_file
from harness.models.checkpoint import Checkpoint
from harness.models.gguf_weights import GGUF, Gguf
from harness.models.layout import Piece, Place
from harness.models.tensor_file import Shape

if TYPE_CHECKING:
    from torch import Tensor

FP8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
FLOATS = ("float64", "float32", "float16", "bfloat16", *FP8)
SCALES = ("_scale_inv", "_scale")


class Weights(Protocol):
    """Stored tensors by name, whatever the container."""

    shapes: dict[str, Shape]

    @property
    def config(self) -> dict[str, Any]: ...

    def tensor(self, name: str, part: int | slice | None = None) -> "Tensor": ...


class Side(Protocol):
    """What a pair needs of each of its two sides."""

    path: Path
    pieces: dict[Place, Piece]
    left_out: dict[str, str]

    def dtype(self, piece: Piece) -> str: ...

    def bytes(self, piece: Piece) -> int: ...

    def storage(self, piece: Piece) -> object: ...

    def matrix(self, piece: Piece) -> "Tensor": ...


class TensorFile:
    """A lone file of tensors as Weights: *.safetensors, or a pickled state, nested or not.

    Raises:
        ModelError: see `tensor_file.headers`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = tensor_file.stamp(file)
        self.shapes = tensor_file.headers(file, nested=True)

    @property
    def config(self) -> dict[str, Any]:
        """Nothing is known beside the tensors."""
        return {}

    def tensor(self, name: str, part: int | slice | None = None) -> "Tensor":
        """See `tensor_file.read`. ModelError: the file changed."""
        tensor_file.check_unchanged(self._file, self._stamp)
        return tensor_file.read(self._file, name, part, nested=True)


def open_weights(path: Path) -> Weights:
    """The tensors at a path, by what the path is.

    Raises:
        ModelError: there is nothing there, it is of another kind, or it cannot be trusted or read.
    """
    if path.is_dir():
        quantised = sorted(path.glob(f"*{GGUF}"))
        if not quantised or any(path.glob("model*.safetensors*")) or any(path.glob("pytorch_model*.bin*")):
            return Checkpoint(path)
        if len(quantised) > 1:
            raise ModelError(f"{path} has {len(quantised)} GGUF files: give one of them, as in {quantised[0]}.")
        return Gguf(quantised[0])
    if not path.exists():
        raise ModelError(f"{path} does not exist: give a model folder, or a file of weights.")
    if path.suffix == GGUF:
        return Gguf(path)
    if path.suffix == ".safetensors" or path.suffix in tensor_file.PICKLES:
        return TensorFile(path)
    kinds = ", ".join((".safetensors", GGUF, *tensor_file.PICKLES))
    raise ModelError(f"{path} is a file of another kind: give a model folder, or a file of weights ({kinds}).")


class StoredSide:
    """A side whose matrices are stored.

    Attributes:
        path: as given.
        pieces: every matrix, by place.
        left_out: the other tensors, name -> kind (see `layout.kind`).

    Raises:
        ModelError: no matrix, a matrix in no floating-point dtype, adapters that were not merged, or see `layout.pieces`.
    """

    def __init__(self, path: Path, weights: Weights, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self._weights = weights
        shapes = {name: found.shape for name, found in weights.shapes.items()}
        if unmerged := next((name for name in shapes if ".lora_A." in name), None):
            raise ModelError(f"{path} holds an adapter that is not merged ({unmerged}): give its own folder, or merge it.")
        found = layout.pieces(shapes, config)
        self.pieces = {place: piece for place, piece in found.items() if place.layer >= 0 or self._is_float(piece)}
        if not self.pieces:
            raise ModelError(f"{path} holds no matrix: its tensors are {', '.join(list(shapes)[:3]) or 'none'}.")
        for piece in self.pieces.values():
            if not self._is_float(piece):
                raise ModelError(
                    f"{path}: {piece.tensor} is stored as {self.dtype(piece)}, which is no weight dtype that can be read "
                    f"({', '.join(FLOATS)}): give the model before it was quantised."
                )
        used = {piece.tensor for piece in self.pieces.values()}
        others = {(each.storage or name): name for name, each in weights.shapes.items() if name not in used}  # a tied one once
        self.left_out = {name: layout.kind(name, len(shapes[name])) for name in others.values()}

    def stored(self, piece: Piece) -> Shape:
        """The tensor that the matrix is, or is part of."""
        return self._weights.shapes[piece.tensor]

    def dtype(self, piece: Piece) -> str:
        """How the matrix is stored: torch's name of its dtype, or "gguf:Q4_1"."""
        return self.stored(piece).dtype

    def bytes(self, piece: Piece) -> int:
        """What the matrix takes in the file."""
        found = self.stored(piece)
        return found.bytes * math.prod(piece.shape) // math.prod(found.shape)

    def storage(self, piece: Piece) -> object:
        """Equal for pieces that are one and the same; None where the container cannot say."""
        found = self.stored(piece)
        return found.storage and (found.file, found.storage, piece.expert, piece.rows)

    def matrix(self, piece: Piece) -> "Tensor":
        """The piece (out, in), contiguous, CPU. ModelError: its file changed or cannot be read any more."""
        return layout.assemble(piece, self._tensor)

    def _is_float(self, piece: Piece) -> bool:
        return self.dtype(piece).startswith("gguf:") or self.dtype(piece) in FLOATS

    def _tensor(self, name: str, part: int | slice | None) -> "Tensor":
        if self._weights.shapes[name].dtype not in FP8:
            return self._weights.tensor(name, part)
        expert = part if isinstance(part, int) else None
        weight = self._weights.tensor(name, expert).float()
        scale = next((f"{name}{suffix}" for suffix in SCALES if f"{name}{suffix}" in self._weights.shapes), None)
        if scale:
            of_experts = self._weights.shapes[scale].shape[:1] == self._weights.shapes[name].shape[:1]
            found = self._weights.tensor(scale, expert if of_experts else None)
            weight = _scaled(weight, found.float(), self._block(), name)
        return weight[part] if isinstance(part, slice) else weight

    def _block(self) -> tuple[int, int]:
        quantised = self.config.get("quantization_config")
        block = quantised.get("weight_block_size") if isinstance(quantised, dict) else None
        if isinstance(block, list) and len(block) == 2 and all(type(side) is int and side > 0 for side in block):
            return block[0], block[1]
        return 128, 128


def _scaled(weight: "Tensor", scale: "Tensor", block: tuple[int, int], name: str) -> "Tensor":
    """weight (m, n) fp32 times its scales: one, m, (m, 1), (1, n), or one a block, of which the last ones may be cut short."""
    rows, columns = weight.shape
    if scale.numel() == 1:
        return weight * scale.reshape(())
    if scale.shape == (rows,):
        return weight * scale[:, None]
    if tuple(scale.shape) in ((rows, 1), (1, columns)):
        return weight * scale
    if tuple(scale.shape) != (math.ceil(rows / block[0]), math.ceil(columns / block[1])):
        if scale.ndim != 2 or rows % scale.shape[0] or columns % scale.shape[1]:
            raise ModelError(
                f"{name} is {rows} x {columns}, which its scales of shape {tuple(scale.shape)} do not fit: convert it first."
            )
        block = (rows // scale.shape[0], columns // scale.shape[1])
    spread = scale.repeat_interleave(block[0], 0)[:rows].repeat_interleave(block[1], 1)[:, :columns]
    return weight * spread
