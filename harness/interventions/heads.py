"""Attention heads as blocks of rows and columns, and linear maps of those blocks that leave a model's function alone.

    rows of W_q, W_k, W_v (and of their biases) and columns of W_o come in heads of d:
        block'_h = B_h block_(order_h)

With key-value groups, query head h reads key-value head h // (query / key_value). A map is linear and orthogonal, so the
update of moved weights goes back to the coordinates of the base by the inverse map.

Source: arXiv 2511.08567, App. D, in torch's convention (rows are outputs).
Trap: an architecture that fuses q, k and v, or that keeps other parameters per head, is refused, not half moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.errors import ModelError
from harness.spectra.change import Change, Changed

_ATTENTION = re.compile(r"^(?:.*\.)?layers\.(?P<layer>\d+)\.self_attn\.(?P<module>\w+)(?:\.(?P<part>weight|bias))?$")
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")


class Heads(NamedTuple):
    """How a model's attention is divided.

    Attributes:
        query: number of query heads.
        key_value: number of key-value heads; divides query.
        size: entries of a head, d.
    """

    query: int
    key_value: int
    size: int

    @classmethod
    def of(cls, config: Any) -> Heads:
        """From a transformers config.

        Raises:
            ModelError: the config names no heads, or they do not divide.
        """
        query = getattr(config, "num_attention_heads", None)
        if query is None:
            raise ModelError("the config has no num_attention_heads: heads can be moved only in a model that has them.")
        size = getattr(config, "head_dim", None)
        if size is None:
            if config.hidden_size % query:
                raise ModelError(f"a width of {config.hidden_size} does not divide into {query} heads: check the model's config.")
            size = config.hidden_size // query
        return cls(query, getattr(config, "num_key_value_heads", None) or query, size).checked()

    def checked(self) -> Heads:
        """Itself.

        Raises:
            ModelError: the query heads do not divide into the key-value heads, or a count is not positive.
        """
        if min(self) < 1 or self.query % self.key_value:
            raise ModelError(
                f"{self.query} query heads do not divide into {self.key_value} key-value heads: check the model's config."
            )
        return self

    @property
    def group(self) -> int:
        """Query heads that share one key-value head."""
        return self.query // self.key_value


class Move(NamedTuple):
    """What happens to the heads of one projection.

    Attributes:
        dim: 0 where heads are blocks of rows, 1 where they are blocks of columns.
        order: (H,) the head that comes to each place.
        blocks: (H, d, d) fp64 orthogonal, applied there; None for the identity, which then rounds nothing.
    """

    dim: int
    order: Tensor
    blocks: Tensor | None = None

    def __call__(self, tensor: Tensor, inverse: bool = False) -> Tensor:
        """The moved tensor, (m, n) or a bias (m,), in its own dtype; products in fp64."""
        along = tensor.movedim(self.dim, 0)
        columns = along.reshape(len(self.order), along.shape[0] // len(self.order), -1)
        order = self.order.to(tensor.device)
        if not inverse:
            columns = columns[order]
        if self.blocks is not None:
            blocks = self.blocks.to(tensor.device)
            columns = ((blocks.mT if inverse else blocks) @ columns.double()).to(tensor.dtype)
        if inverse:
            columns = columns[order.argsort()]
        return columns.reshape(along.shape).movedim(0, self.dim).contiguous()


@dataclass(frozen=True, eq=False)
class HeadMap:
    """A function-preserving change of coordinates inside attention.

    Attributes:
        heads: of the model.
        moves: (layer, projection) -> Move; whatever is not named stays.
    """

    heads: Heads
    moves: Mapping[tuple[int, str], Move]

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights, or updates, in the new coordinates. See `back` for names; tensors that stay are shared, not copied."""
        return self._carry(tensors, inverse=False)

    def back(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights, or updates, of the moved model in the coordinates of the base.

        Args:
            tensors: by names of a state dict ("model.layers.0.self_attn.v_proj.weight", biases too) or of a Change
                ("layers.0.self_attn.v_proj").

        Raises:
            ModelError: a projection's size is not that of its heads.
        """
        return self._carry(tensors, inverse=True)

    def _carry(self, tensors: Mapping[str, Tensor], inverse: bool) -> dict[str, Tensor]:
        carried = dict(tensors)
        for name, tensor in tensors.items():
            found = _ATTENTION.match(name)
            move = self.moves.get((int(found["layer"]), found["module"])) if found else None
            if move is None or tensor.ndim <= move.dim:  # the bias of o_proj belongs to no head
                continue
            wanted = len(move.order) * self.heads.size
            if tensor.shape[move.dim] != wanted:
                side = "columns" if move.dim else "rows"
                raise ModelError(
                    f"{name} has {tensor.shape[move.dim]} {side} where {len(move.order)} heads of {self.heads.size} make "
                    f"{wanted}: give the heads of this model."
                )
            carried[name] = move(tensor, inverse)
        return carried


class Moved(NamedTuple):
    """A model's weights in other coordinates, and the map that led there (`map.back` leads home)."""

    weights: dict[str, Tensor]
    map: HeadMap


def rotate_back(change: Changed, head_map: HeadMap) -> Change:
    """A change trained in moved coordinates, seen in those of the base; snapshots too.

    The base goes back as well: for a rotation it agrees with the one that was moved to fp32 rounding only.
    """
    change = change.change()
    return replace(
        change,
        base=head_map.back(change.base),
        update=head_map.back(change.update),
        trajectory=tuple((step, rotate_back(snapshot, head_map)) for step, snapshot in change.trajectory),
        label=f"{change.label} moved back",
    )


def attention_layers(names: Iterable[str], layers: Iterable[int] | None = None) -> tuple[int, ...]:
    """Numbers of the layers with all four projections, sorted; checked against those asked for.

    Raises:
        ModelError: no such layer, a layer with only some of the four, or a layer asked for that is not there.
    """
    found: dict[int, set[str]] = {}
    for name in names:
        match = _ATTENTION.match(name)
        if match and match["module"] in PROJECTIONS and match["part"] != "bias":
            found.setdefault(int(match["layer"]), set()).add(match["module"])
    if not found:
        raise ModelError(
            "no layers.<i>.self_attn.{q,k,v,o}_proj was found: heads can be moved only where the four projections are apart."
        )
    for layer, modules in sorted(found.items()):
        if len(modules) < len(PROJECTIONS):
            missing = ", ".join(sorted(set(PROJECTIONS) - modules))
            raise ModelError(f"layer {layer} has no {missing}: heads can be moved only where the four projections are apart.")
    chosen = sorted(found if layers is None else set(layers))
    for layer in chosen:
        if layer not in found:
            raise ModelError(f"there is no attention in layer {layer}: choose among {', '.join(map(str, sorted(found)))}.")
    return tuple(chosen)


def other_parameters(names: Iterable[str]) -> list[str]:
    """Parameters inside attention that are not one of the four projections, sorted."""
    matches = ((name, _ATTENTION.match(name)) for name in names)
    return sorted(name for name, match in matches if match and match["module"] not in PROJECTIONS)


def every_query_head(per_group: Tensor, heads: Heads) -> Tensor:
    """(key_value, ...) repeated for each query head, (query, ...)."""
    return torch.repeat_interleave(per_group, heads.group, dim=0)
