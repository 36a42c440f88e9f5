"""A pair of checkpoints of real Llama shapes that nobody trained: for measuring speed and memory, and what is planted is known.

    W0 = .018 Z + sum over 128 i of c i^-1/2 u_i v_i^T,  c such that rms(W0) = .0184          Z Gaussian, u and v orthonormal
    W1 = W0 + D,  |D|_F = relative |W0|_F                                                     both stored in bf16
    noise        D Gaussian: every measure must read it as its null
    principal    D = U_k G V_k^T between the k = 64 leading directions of W0 as stored, G Gaussian
    low-rank     D = A B of rank 8, Gaussian factors

At 4096 x 4096 some eight spikes lie above the bulk's edge. Written tensor by tensor, a shard a layer: a matrix and its fp32
copies are held, never a model. A tensor is drawn from its name and the seed alone, so more layers do not change the first ones.

    python -m harness.models.synthetic OUT --size 7b --layers 2 --update noise

Trap: the tuned side is rounded to bf16, as a checkpoint would be. Of noise of relative size 1e-3 that keeps .82 of the norm.
"""

import argparse
import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import Generator, Tensor

BULK, RMS, SPIKES = 0.018, 0.0184, 128
LEADING, SHARE = 64, 16  # k, and no more than q / SHARE
RANK = 8
VOCABULARY = 256  # embeddings are not compared: a small table stands for them
UPDATES = ("noise", "principal", "low-rank")
BASES = ("bulk+spikes", "bulk")


class Size(NamedTuple):
    """Shapes of a model, after SmolLM2-135M, Llama-3.2-1B and Llama-2-7B."""

    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int


SIZES = {
    "0.1b": Size(30, 576, 1536, 9, 3),
    "1b": Size(16, 2048, 8192, 32, 8),
    "7b": Size(32, 4096, 11008, 32, 32),
}


def write_pair(
    folder: str | Path,
    *,
    layers: int,
    hidden: int = 4096,
    ffn: int = 11008,
    heads: int = 32,
    kv_heads: int = 32,
    seed: int = 0,
    update: str = "noise",
    relative: float = 1e-3,
    base: str = "bulk+spikes",
) -> tuple[Path, Path]:
    """Write `base` and `tuned` into a folder, as save_pretrained would; what is there is written over.

    Args:
        folder: made if need be.
        layers, hidden, ffn, heads, kv_heads: of the Llama, see SIZES.
        seed: of everything.
        update: one of UPDATES.
        relative: |D|_F / |W0|_F before rounding, of every matrix.
        base: one of BASES; "bulk" has no spikes.

    Returns:
        The two model folders.

    Raises:
        ModelError: an unknown update or base, or sizes that are no Llama's.
    """
    if update not in UPDATES or base not in BASES:
        raise ModelError(f"no update {update!r} or base {base!r}: choose of {', '.join(UPDATES)}, and of {', '.join(BASES)}.")
    if min(layers, hidden, ffn, heads, kv_heads) < 1 or hidden % heads or heads % kv_heads:
        raise ModelError(f"hidden {hidden} must be a multiple of heads {heads}, and these of kv_heads {kv_heads}; all from 1.")
    size = Size(layers, hidden, ffn, heads, kv_heads)
    paths = (Path(folder) / "base", Path(folder) / "tuned")
    for path in paths:
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text(json.dumps(_config(size), indent=2) + "\n", encoding="utf-8")
    shards = _shards(size)
    files = {f"model-{at:05}-of-{len(shards):05}.safetensors": shapes for at, shapes in enumerate(shards, 1)}
    for file, shapes in files.items():
        with _Writer(paths[0] / file, shapes) as one, _Writer(paths[1] / file, shapes) as other:
            for name, shape in shapes.items():
                w0, w1 = drawn(name, shape, seed=seed, update=update, relative=relative, base=base)
                one.add(w0)
                other.add(w1)
                del w0, w1  # else they would be held while the next two are drawn
    index = {"metadata": {}, "weight_map": {name: file for file, shapes in files.items() for name in shapes}}
    for path in paths:
        (path / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return paths


def _config(size: Size) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": size.layers,
        "hidden_size": size.hidden,
        "intermediate_size": size.ffn,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "vocab_size": VOCABULARY,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }


def _shards(size: Size) -> list[dict[str, tuple[int, ...]]]:
    """Names and shapes of the tensors in each file."""
    wide, narrow = size.hidden, size.hidden // size.heads * size.kv_heads
    shapes = {
        "self_attn.q_proj": (wide, wide),
        "self_attn.k_proj": (narrow, wide),
        "self_attn.v_proj": (narrow, wide),
        "self_attn.o_proj": (wide, wide),
        "mlp.gate_proj": (size.ffn, wide),
        "mlp.up_proj": (size.ffn, wide),
        "mlp.down_proj": (wide, size.ffn),
        "input_layernorm": (wide,),
        "post_attention_layernorm": (wide,),
    }
    layers = [{f"model.layers.{i}.{leaf}.weight": shape for leaf, shape in shapes.items()} for i in range(size.layers)]
    return [*layers, {"model.embed_tokens.weight": (VOCABULARY, wide), "model.norm.weight": (wide,)}]


class _Writer:
    """A safetensors file, tensor by tensor: the library's own writer wants all of them at once."""

    def __init__(self, file: Path, shapes: dict[str, tuple[int, ...]]) -> None:
        entries, end = {}, 0
        for name, shape in shapes.items():
            start, end = end, end + 2 * _count(shape)
            entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
        header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
        header += b" " * (-len(header) % 8)  # data begins at a multiple of 8
        self._file = open(file, "wb")
        self._file.write(struct.pack("<Q", len(header)) + header)

    def add(self, tensor: "Tensor") -> None:
        """The next one, in the order of the shapes; bf16, contiguous."""
        import torch

        self._file.write(tensor.view(torch.int16).numpy())

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _count(shape: tuple[int, ...]) -> int:
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def drawn(
    name: str, shape: tuple[int, ...], *, seed: int = 0, update: str = "noise", relative: float = 1e-3, base: str = BASES[0]
) -> "tuple[Tensor, Tensor]":
    """One tensor of both sides, bf16; what is no matrix inside a layer is the same in both. Arguments as of `write_pair`."""
    import torch

    draw = _generator(seed, name)
    if len(shape) == 1:
        ones = torch.ones(shape, dtype=torch.bfloat16)
        return ones, ones
    w0 = _base(shape, base, draw)
    if ".layers." not in name:
        return w0, w0
    moved = _update(w0, update, _generator(seed, f"{name}|{update}"))
    moved *= relative * torch.linalg.vector_norm(w0, dtype=torch.float32) / torch.linalg.vector_norm(moved)
    for into, rows in zip(moved.split(512), w0.split(512), strict=True):
        into += rows
    return w0, moved.bfloat16()


def _generator(seed: int, name: str) -> "Generator":
    import torch

    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _base(shape: tuple[int, ...], base: str, draw: "Generator") -> "Tensor":
    import torch

    m, n = shape
    weights = torch.randn(shape, generator=draw).mul_(BULK)
    if base == "bulk+spikes":
        u, v = (_orthonormal(size, min(SPIKES, max(1, min(shape) // 4)), draw) for size in shape)
        strength = torch.arange(1, u.shape[1] + 1) ** -0.5
        strength *= ((RMS**2 - BULK**2) * m * n) ** 0.5 / torch.linalg.vector_norm(strength)
        weights.addmm_(u * strength, v.T)
    return weights.bfloat16()


def _update(w0: "Tensor", update: str, draw: "Generator") -> "Tensor":
    """D (m, n) fp32, of any norm."""
    import torch

    m, n = w0.shape
    if update == "noise":
        return torch.randn(m, n, generator=draw)
    if update == "low-rank":
        rank = min(RANK, m, n)
        return torch.randn(m, rank, generator=draw) @ torch.randn(rank, n, generator=draw)
    from harness.spectra.krylov import leading_subspaces

    found = leading_subspaces(w0, max(1, min(LEADING, min(m, n) // SHARE)))
    between = torch.randn(len(found.S), len(found.S), generator=draw)
    return found.U.float() @ between @ found.V.float().T


def _orthonormal(size: int, count: int, draw: "Generator") -> "Tensor":
    import torch

    return torch.linalg.qr(torch.randn(size, count, generator=draw)).Q


def main(argv: list[str] | None = None) -> None:
    """Write a pair and print where its two sides are."""
    parser = argparse.ArgumentParser(prog="python -m harness.models.synthetic", description="A synthetic pair of checkpoints.")
    add = parser.add_argument
    add("out", metavar="OUT", type=Path, help="folder for base and tuned")
    add("--size", choices=SIZES, default="7b", help="whose shapes (default 7b)")
    add("--layers", type=int, metavar="N", help="how many layers (default: as many as the size has; 7b takes 25 GiB)")
    add("--update", choices=UPDATES, default="noise", help="what lies between base and tuned (default noise)")
    add("--relative", type=float, default=1e-3, metavar="X", help="size of the update relative to the weights (default 1e-3)")
    add("--base", choices=BASES, default="bulk+spikes", help="the base's spectrum")
    add("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args(argv)
    size = SIZES[given.size]._asdict() | ({} if given.layers is None else {"layers": given.layers})
    print(*write_pair(given.out, **size, update=given.update, relative=given.relative, base=given.base, seed=given.seed))


if __name__ == "__main__":
    main()
