"""Rotation of the values inside every head: other weights, the same function.

    W_v' = blkdiag(R)^T W_v,   b_v' = blkdiag(R)^T b_v,   W_o' = W_o blkdiag(R)        R orthogonal, Haar, d x d

Softmax weights mix values over positions, not over the entries of a head, so R^T passes through and meets R. One R belongs
to a key-value head and is shared by the query heads that read it.

Source: arXiv 2511.08567, App. D and Fig. 6.
Trap: the published outcome (overlap of the masks collapses to chance in rotated layers) follows from element-wise |W| changing,
for noise too. The test that tells geometry from precision carries the update back: `rotate_back`, then the cosine.
Trap: rotated weights lie off the bf16 grid that the base was on. In the same function, bf16 shows about twice as many entries of
a small update as changed.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from harness.interventions.heads import HeadMap, Heads, Move, Moved, attention_layers, every_query_head


def rotation(names: Iterable[str], heads: Heads, generator: torch.Generator, layers: Iterable[int] | None = None) -> HeadMap:
    """A random rotation of V and O, one R per key-value head.

    Args:
        names: of the model's tensors, as in a state dict or as in a Change; the draws depend on the layers alone.
        heads: of the model.
        generator: CPU generator.
        layers: numbers of the layers to rotate; None rotates all.

    Raises:
        ModelError: projections are fused or missing, a layer is not there, or the head counts do not divide.
    """
    heads = heads.checked()
    moves = {}
    for layer in attention_layers(names, layers):
        blocks = haar(heads.key_value, heads.size, generator).mT
        moves[layer, "v_proj"] = Move(0, torch.arange(heads.key_value), blocks)
        moves[layer, "o_proj"] = Move(1, torch.arange(heads.query), every_query_head(blocks, heads))
    return HeadMap(heads, moves)


def rotate(
    weights: Mapping[str, Tensor], heads: Heads, generator: torch.Generator, layers: Iterable[int] | None = None
) -> Moved:
    """Rotated weights and the rotation. Logits agree to the rounding of the weights' dtype.

    Args:
        weights: a state dict; not written to, tensors that stay are shared with the result.
        heads, generator, layers: as in `rotation`.

    Raises:
        ModelError: as `rotation`; also if a projection's size is not that of its heads.
    """
    turned = rotation(weights, heads, generator, layers)
    return Moved(turned(weights), turned)


def haar(count: int, size: int, generator: torch.Generator) -> Tensor:
    """`count` orthogonal matrices from the Haar measure, (count, size, size) fp64."""
    gaussian = torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(gaussian)
    # QR alone is not uniform: the signs of R's diagonal make it so (Mezzadri 2007).
    return q * r.diagonal(dim1=1, dim2=2).sign()[:, None, :]
