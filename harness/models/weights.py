"""The matrices that claims are about: two-dimensional weights of attention and MLP inside the decoder layers.

Embeddings, the head, norms and biases stay out. One rule serves a model in memory and a folder on disk, by name:
`<anything>layers.<i>.<module>.weight` (or h., blocks.) with two dimensions. Fused projections (GPT-2's c_attn) count as one
matrix, as stored; experts stored as one three-dimensional tensor are not covered.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import ModelError
from harness.models.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn

INSIDE_LAYER = re.compile(r"^(?:.*\.)?(?:layers|h|blocks)\.(?P<layer>\d+)\.(?P<module>.+)\.weight$")


class Matrix(NamedTuple):
    """A projection: its name in results, the layer it is in, and the tensor's own name."""

    name: str
    layer: int
    tensor: str


def matrices(model_or_path: "nn.Module | str | Path", judged_layers: tuple[str, ...] | None = None) -> dict[str, "Tensor"]:
    """Projections as fp32 CPU tensors (m, n), keyed like "layers.0.self_attn.q_proj".

    Args:
        model_or_path: a model in memory, or a model folder, which is then read tensor by tensor without building the model.
        judged_layers: see `select_layers`; None takes every layer.

    Returns:
        Copies: training the model on does not change them.

    Raises:
        ModelError: there is no such matrix, or the folder cannot be read.
    """
    if isinstance(model_or_path, (str, Path)):
        checkpoint = Checkpoint(model_or_path)
        wanted = projections({name: len(found.shape) for name, found in checkpoint.shapes.items()}, judged_layers)
        tensors = checkpoint.read([each.tensor for each in wanted])
    else:
        parameters = dict(model_or_path.named_parameters())
        wanted = projections({name: parameter.ndim for name, parameter in parameters.items()}, judged_layers)
        tensors = ((each.tensor, parameters[each.tensor].detach()) for each in wanted)
    names = {each.tensor: each.name for each in wanted}
    copies = {names[tensor]: _fp32_copy(value) for tensor, value in tensors}
    return {each.name: copies[each.name] for each in wanted}


def projections(dims: dict[str, int], judged_layers: tuple[str, ...] | None = None) -> list[Matrix]:
    """Which tensors count, from their names and numbers of dimensions; by layer, then by name.

    Raises:
        ModelError: none counts.
    """
    found = []
    for tensor, ndim in dims.items():
        match = INSIDE_LAYER.match(tensor)
        if match and ndim == 2:
            found.append(Matrix(short_name(tensor), int(match["layer"]), tensor))
    if not found:
        raise ModelError("no attention or MLP matrix was found: the model must keep its layers under layers., h. or blocks.")
    depth = 1 + max(each.layer for each in found)
    kept = range(depth) if judged_layers is None else select_layers(depth, judged_layers)
    return sorted((each for each in found if each.layer in kept), key=lambda each: (each.layer, each.name))


def short_name(tensor: str) -> str:
    """Name in results of the projection that this tensor is."""
    return tensor.removeprefix("model.").removesuffix(".weight")


def select_layers(depth: int, wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Layer numbers for names: "first", "middle" (depth // 2), "last", or a number counted from 0; sorted, each once.

    Raises:
        ModelError: another name, or a number outside the model.
    """
    names = {"first": 0, "middle": depth // 2, "last": depth - 1}
    chosen = set()
    for each in wanted:
        number = names.get(each, int(each) if each.isdecimal() else -1)
        if not 0 <= number < depth:
            raise ModelError(
                f"there is no layer {each!r} in a model of {depth} layers: use first, middle, last or 0-{depth - 1}."
            )
        chosen.add(number)
    return tuple(sorted(chosen))


def _fp32_copy(tensor: "Tensor") -> "Tensor":
    import torch

    return tensor.to("cpu", torch.float32, copy=True)
