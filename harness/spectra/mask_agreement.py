"""Do two runs change the same stored entries?

    jaccard   = |A and B| / |A or B|               of two change masks
    baseline  = p q / (p + q - p q)                of independent masks of densities p and q
    consensus = C_ij = (1/R) sum over runs of M_ij, as its distribution over entries

Source: arXiv 2511.08567, Table 2 (.55-.60 against .37-.47 of the baseline).
Trap: the baseline assumes masks that are independent given W0, and no two are: both are gated by the same |W0|. Two
independent draws of noise at the published densities agree to .52-.61. That null is harness.nulls.gated_jaccard.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.bf16_change import changed_masks
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix


class Consensus(NamedTuple):
    """How often entries changed among R runs.

    Attributes:
        histogram: R + 1 PerMatrix: the share of the entries that changed in exactly r runs, r = 0..R.
        mean: mean of C_ij, the mean density of the runs.
    """

    histogram: tuple[PerMatrix, ...]
    mean: PerMatrix


def jaccard(a: Changed, b: Changed, dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Jaccard index of the change masks of two runs, in [0, 1].

    Args:
        a, b: changes of the same matrices; the bases may differ (a rotated base, for one).
        dtype: storage format in which entries count as changed.

    Raises:
        MeasureError: other matrices, or a matrix that neither run changed.
    """
    values = {}
    for name, (first, second) in _pairs(a, b, dtype).items():
        union = (first | second).sum().item()
        if union == 0:
            raise MeasureError(f"no entry of {name} changes in {dtype} in either run: their agreement is undefined; train longer.")
        values[name] = (first & second).sum().item() / union
    return a.change().per_matrix(values)


def jaccard_baseline(a: Changed, b: Changed, dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """The Jaccard index of two independent masks with the densities of these.

    Raises:
        MeasureError: as `jaccard`.
    """
    values = {}
    for name, (first, second) in _pairs(a, b, dtype).items():
        p, q = (mask.sum().item() / mask.numel() for mask in (first, second))
        if p + q == 0.0:
            raise MeasureError(f"no entry of {name} changes in {dtype} in either run: their agreement is undefined; train longer.")
        values[name] = p * q / (p + q - p * q)
    return a.change().per_matrix(values)


def consensus(changes: Sequence[Changed], dtype: str | torch.dtype = "bf16") -> Consensus:
    """In how many of the runs each entry changed.

    Args:
        changes: two or more, of the same matrices.
        dtype: storage format.

    Raises:
        MeasureError: fewer than two runs, or other matrices.
    """
    if len(changes) < 2:
        raise MeasureError(f"a consensus needs two runs or more, not {len(changes)}.")
    first = changes[0].change()
    for other in changes[1:]:
        _same_matrices(first, other.change())
    masks = [changed_masks(change, dtype) for change in changes]
    counts = {name: sum(mask[name].long() for mask in masks) for name in first.base}
    histogram = tuple(
        first.per_matrix({name: (count == r).sum().item() / count.numel() for name, count in counts.items()})
        for r in range(len(changes) + 1)
    )
    mean = {name: count.sum().item() / (count.numel() * len(changes)) for name, count in counts.items()}
    return Consensus(histogram, first.per_matrix(mean))


def _pairs(a: Changed, b: Changed, dtype: str | torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
    _same_matrices(a.change(), b.change())
    first, second = changed_masks(a, dtype), changed_masks(b, dtype)
    return {name: (first[name], second[name]) for name in first}


def _same_matrices(a: Changed, b: Changed) -> None:
    shapes = [{name: tuple(w0.shape) for name, w0 in side.change().base.items()} for side in (a, b)]
    if shapes[0] != shapes[1]:
        odd = sorted(name for name in shapes[0].keys() | shapes[1].keys() if shapes[0].get(name) != shapes[1].get(name))
        raise MeasureError(f"{odd[0]} is not the same matrix in both runs: compare masks of one architecture.")
