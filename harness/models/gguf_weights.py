"""A GGUF file as weights: tensors by the names of transformers, dequantised one at a time to fp32.

The package `gguf` parses the file once (most of it the vocabulary: 2-4 s for 49 thousand tokens); what is kept is a table, so
this object is small and goes to another process.

llama.cpp's converter permutes the rows of q_proj and k_proj of the `llama` architecture, because it rotates neighbouring pairs
where transformers rotates halves. Here they are put back: the order of rows does not change singular values, but it changes
every difference. Of other architectures only those are read whose rows are known to stay.
"""

import math
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.models import tensor_file
from harness.models.tensor_file import Shape

if TYPE_CHECKING:
    from torch import Tensor

GGUF = ".gguf"
PERMUTED = ("llama",)
KEPT = ("qwen2", "qwen2moe", "qwen3", "qwen3moe", "gemma2", "gemma3", "phi3")
MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_exps": "mlp.experts.gate_proj",
    "ffn_up_exps": "mlp.experts.up_proj",
    "ffn_down_exps": "mlp.experts.down_proj",
    "ffn_gate_shexp": "mlp.shared_expert.gate_proj",
    "ffn_up_shexp": "mlp.shared_expert.up_proj",
    "ffn_down_shexp": "mlp.shared_expert.down_proj",
    "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
}
OUTSIDE = {"token_embd.weight": "embed_tokens.weight", "output.weight": "lm_head.weight", "output_norm.weight": "norm.weight"}
FIELDS = {
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
}
TENSOR = re.compile(r"blk\.(?P<layer>\d+)\.(?P<module>\w+)\.weight")


class Gguf:
    """Tensors of a GGUF file, by name as in transformers.

    Attributes:
        shapes: name -> Shape, in the file's order; dtypes read "gguf:Q4_1".
        config: what the file says of the architecture, under config.json's names.

    Raises:
        ModelError: the file is missing, truncated or of an architecture whose layout is not known, or `gguf` is not installed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = tensor_file.stamp(file)
        reader = _parsed(file)
        self.config: dict[str, Any] = _config(file, reader)
        self.shapes: dict[str, Shape] = {}
        self._places: dict[str, tuple[int, int]] = {}  # name -> (offset, type)
        for each in reader.tensors:
            name = self._name(each.name)
            shape = tuple(int(side) for side in reversed(each.shape))
            self.shapes[name] = Shape(file, shape, f"gguf:{each.tensor_type.name}", int(each.n_bytes))
            self._places[name] = (int(each.data_offset), int(each.tensor_type))

    def tensor(self, name: str, part: int | slice | None = None) -> "Tensor":
        """One tensor, or the part of it along its first axis, dequantised: fp32, CPU, rows in transformers' order.

        Raises:
            ModelError: the file changed since this object was made, or its quantisation is one that `gguf` cannot undo.
        """
        import numpy as np
        import torch
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        tensor_file.check_unchanged(self._file, self._stamp)
        kind = GGMLQuantizationType(self._places[name][1])
        packed = self._packed(name)
        whole_head = name in self._heads
        try:
            values = dequantize(packed if part is None or whole_head else packed[part], kind)
        except NotImplementedError as error:
            raise ModelError(f"{self._file}: {name} is {kind.name}, which gguf cannot dequantise: update gguf.") from error
        tensor = torch.from_numpy(np.require(values, np.float32, ["W"]))  # a mapped F32 is copied
        if not whole_head:
            return tensor
        tensor = _unpermuted(tensor, self._heads[name])
        return tensor if part is None else tensor[part]

    @cached_property
    def _heads(self) -> dict[str, int]:
        """Tensors whose rows were permuted, with their heads."""
        if self.config["model_type"] not in PERMUTED:
            return {}
        queries = self.config["num_attention_heads"]
        heads = {"q_proj": queries, "k_proj": self.config.get("num_key_value_heads", queries)}
        leaves = {name: name.split(".")[-2] for name in self.shapes if name.startswith("layers.")}
        return {name: heads[leaf] for name, leaf in leaves.items() if leaf in heads}

    def _name(self, stored: str) -> str:
        match = TENSOR.fullmatch(stored)
        if not match or match["module"] not in MODULES:
            return OUTSIDE.get(stored, stored)
        module = MODULES[match["module"]]
        if self.config["model_type"] == "phi3" and module == "mlp.up_proj":
            module = "mlp.gate_up_proj"
        return f"layers.{match['layer']}.{module}.weight"

    def _packed(self, name: str) -> Any:
        """The tensor's blocks as stored, mapped: bytes (..., blocks of a row), or numbers where it is not quantised."""
        import numpy as np
        from gguf import GGMLQuantizationType

        offset, number = self._places[name]
        kind, found = GGMLQuantizationType(number), self.shapes[name]
        plain = {GGMLQuantizationType.F32: np.float32, GGMLQuantizationType.F16: np.float16}.get(kind, np.uint8)
        width = found.bytes // np.dtype(plain).itemsize // math.prod(found.shape[:-1])
        return np.memmap(self._file, plain, "r", offset, (*found.shape[:-1], width))


def _parsed(file: Path) -> Any:
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise ModelError(f"{file} needs the package gguf: pip install gguf.") from error
    try:
        return GGUFReader(file)
    except (ValueError, LookupError, OSError, OverflowError, TypeError) as error:
        raise ModelError(f"{file} is not a whole GGUF file ({error}): copy or download it again.") from error


def _config(file: Path, reader: Any) -> dict[str, Any]:
    def said(field: str) -> Any:
        found = reader.get_field(field)
        return None if found is None else found.contents()

    kind = said("general.architecture")
    if kind not in PERMUTED + KEPT:
        raise ModelError(
            f"{file} is a GGUF of architecture {kind}, whose order of rows is not known here (known: "
            f"{', '.join(PERMUTED + KEPT)}): give the safetensors folder it was made from."
        )
    config = {name: value for field, name in FIELDS.items() if (value := said(f"{kind}.{field}")) is not None}
    if kind in PERMUTED and not all(type(config.get(name, 1)) is int for name in FIELDS.values()):
        raise ModelError(f"{file} has layers of different widths: give the safetensors folder it was made from.")
    if kind in PERMUTED and "num_attention_heads" not in config:
        raise ModelError(f"{file} does not say how many heads it has: give the safetensors folder it was made from.")
    return {"model_type": kind, **config}


def _unpermuted(tensor: "Tensor", heads: int) -> "Tensor":
    """(heads x pairs x 2, n) in llama.cpp's order to (heads x 2 x pairs, n)."""
    return tensor.reshape(heads, -1, 2, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape)
