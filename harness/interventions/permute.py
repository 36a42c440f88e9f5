"""Permutation of attention heads: the same numbers at other places, the same function bit for bit but for summation order.

    rows of W_k, W_v by head, rows of W_q and columns of W_o by query head:   block'_h = block_(order_h)

Key-value heads move with the query heads that read them, and the query heads of a group are shuffled among themselves.

Source: arXiv 2511.08567, App. D.
Trap: as a control it is weaker than a rotation: every |W_ij| is kept, so masks collapse only because entries moved, and
carrying them back restores the overlap, whatever its cause.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from harness.errors import ModelError
from harness.interventions.heads import HeadMap, Heads, Move, Moved, attention_layers, other_parameters


def permutation(names: Iterable[str], heads: Heads, generator: torch.Generator, layers: Iterable[int] | None = None) -> HeadMap:
    """A random permutation of the heads of each layer, other than the identity.

    Args:
        names: of the model's tensors, as in a state dict or as in a Change; the draws depend on the layers alone.
        heads: of the model.
        generator: CPU generator.
        layers: numbers of the layers to permute; None permutes all.

    Raises:
        ModelError: projections are fused or missing, a layer is not there, the head counts do not divide, or there is one head.
    """
    heads = heads.checked()
    if heads.query == 1:
        raise ModelError("a model with one head has nothing to permute: rotate it instead.")
    moves = {}
    for layer in attention_layers(names, layers):
        groups, queries = _drawn(heads, generator)
        moves[layer, "k_proj"] = moves[layer, "v_proj"] = Move(0, groups)
        moves[layer, "q_proj"], moves[layer, "o_proj"] = Move(0, queries), Move(1, queries)
    return HeadMap(heads, moves)


def _drawn(heads: Heads, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Orders of the key-value heads and of the query heads; never the identity, which would be no intervention."""
    unmoved = torch.arange(heads.query)
    while True:
        groups = torch.randperm(heads.key_value, generator=generator)
        within = torch.stack([torch.randperm(heads.group, generator=generator) for _ in range(heads.key_value)])
        queries = (groups[:, None] * heads.group + within).flatten()
        if not torch.equal(queries, unmoved):
            return groups, queries


def permute(
    weights: Mapping[str, Tensor], heads: Heads, generator: torch.Generator, layers: Iterable[int] | None = None
) -> Moved:
    """Permuted weights and the permutation.

    Args:
        weights: a state dict; not written to, tensors that stay are shared with the result.
        heads, generator, layers: as in `permutation`.

    Raises:
        ModelError: as `permutation`; also if attention keeps other parameters that are not shared by its heads, or a
            projection's size is not that of its heads.
    """
    for name in other_parameters(weights):
        if tuple(weights[name].shape) != (heads.size,):
            raise ModelError(f"{name} of shape {tuple(weights[name].shape)} is not shared by the heads: they cannot be permuted.")
    moved = permutation(weights, heads, generator, layers)
    return Moved(moved(weights), moved)
