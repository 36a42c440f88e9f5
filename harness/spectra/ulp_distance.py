"""How many steps of the storage format lie between two stored weights, and how many updates exceed half a step.

    distance_ij = | ord(cast(W_ij)) - ord(cast(W0_ij)) |,   ord the place of a number among all numbers of the format
    above_half_ulp = share of entries with |D_ij| > ulp(W0_ij) / 2

Source: arXiv 2511.08567, Cor. 3.6: a stored weight moves iff its update exceeds half a step. On bf16 bases the share above
half a step is the change density, up to numbers just above a power of two (their step downwards is half as long) and ties.
Trap: the largest distance is that of one entry near 0, where steps are tiny: thousands of steps for an ordinary update.
So distances are read as quantiles below 1, never as the maximum.
"""

from math import ceil

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.precision import storage_dtype, ulp

_BITS = {2: torch.int16, 4: torch.int32}


def steps_between(before: Tensor, after: Tensor, dtype: str | torch.dtype = "bf16") -> Tensor:
    """Steps of the format between two tensors, entry by entry.

    Args:
        before, after: same shape, any floating dtype, no NaN; cast to `dtype`.
        dtype: storage format.

    Returns:
        Same shape, int64, not negative; 0 between zeros of either sign.
    """
    return (storage_order(before, dtype).long() - storage_order(after, dtype)).abs()


def ulp_distance(
    change: Changed, quantile: float = 0.5, dtype: str | torch.dtype = "bf16", moved_only: bool = False
) -> PerMatrix:
    """A quantile of the distance, in steps: the smallest distance that this share of the entries does not exceed.

    Args:
        change: the update to read.
        quantile: in (0, 1).
        dtype: storage format.
        moved_only: read the entries that moved alone.

    Raises:
        MeasureError: quantile outside (0, 1), or moved_only where nothing moved.
    """
    if not 0.0 < quantile < 1.0:
        raise MeasureError(
            f"quantile {quantile} of the distances: it must lie strictly between 0 and 1; the maximum is one entry's."
        )
    change = change.change()
    tuned = change.tuned(dtype)
    values = {}
    for name, w0 in change.base.items():
        steps = steps_between(w0, tuned[name], dtype).flatten()
        steps = steps[steps > 0] if moved_only else steps
        if not len(steps):
            raise MeasureError(f"no entry of {name} changes in {dtype}: how far its entries moved is undefined; train longer.")
        values[name] = steps.kthvalue(ceil(quantile * len(steps))).values.item()
    return change.per_matrix(values)


def above_half_ulp(change: Changed, dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Share of the entries whose update exceeds half a step of the stored base weight, in [0, 1]."""
    change = change.change()
    shares = {}
    for name, w0 in change.base.items():
        above = change.update[name].abs() > ulp(w0, dtype) / 2
        shares[name] = above.sum().item() / above.numel()
    return change.per_matrix(shares)


def storage_order(values: Tensor, dtype: str | torch.dtype = "bf16") -> Tensor:
    """The place of each number among all numbers of the format: neighbours differ by 1, both zeros are 0.

    Args:
        values: any shape, any floating dtype, no NaN; cast to `dtype`.
        dtype: storage format.

    Returns:
        Same shape, int32 for 16-bit formats and int64 for fp32, whose differences fit.
    """
    target = storage_dtype(dtype)
    integer = _BITS[target.itemsize]
    bits = values.to(target).contiguous().view(integer).to(torch.int32 if integer == torch.int16 else torch.int64)
    # A float's bits below its sign bit count upwards from 0 in both directions.
    size = bits & torch.iinfo(integer).max
    return torch.where(bits < 0, -size, size)
