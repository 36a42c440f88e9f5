"""Which stored weights changed: bit equality after rounding both sides to the storage format.

    changed_ij = bits(cast(W0_ij)) != bits(cast(W_ij)),   -0 = +0, a NaN has always changed

Source: arXiv 2511.08567, Def. 2.1 states it as the probe |w' - w| <= eta max(|w|, |w'|), eta = 1e-3, which on bf16 inputs
is the same (`probe_mismatches`): neighbours in bf16 differ by 2^-8 at least.
Trap: on fp32 inputs the probe is a 0.1 % threshold; cast both sides first. An absolute tolerance of 1e-5 misses whole
bf16 steps of weights below 1.5e-3. And while few entries change they are the small ones: masks inherit the format's gate.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.precision import storage_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = {2: torch.int16, 4: torch.int32}
CHUNK = 2**18
# Bits of bf16: -0, the least, and infinity read as int16; -infinity as uint16.
MINUS_ZERO, INFINITY, MINUS_INFINITY = -(2**15), 0x7F80, 0xFF80


def changed(before: Tensor, after: Tensor, dtype: str | torch.dtype = "bf16") -> Tensor:
    """Mask of the entries whose stored value differs.

    Args:
        before, after: same shape, any floating dtype; cast to `dtype`.
        dtype: storage format.

    Returns:
        Same shape, bool.
    """
    target = storage_dtype(dtype)
    a, b = before.to(target), after.to(target)
    bits = _BITS[target.itemsize]
    both_zero = (a == 0) & (b == 0)
    return (a.view(bits) != b.view(bits)) & ~both_zero | a.isnan()


def count_changed(before: Tensor, after: Tensor) -> int:
    """How many entries `changed` marks in bf16, without a mask of the whole: for reading a pair as fast as the disk gives it.

    Bits are compared by numpy in chunks that stay in the cache, three times as fast as torch compares bf16 numbers; what bits
    alone cannot say (-0 = +0, a NaN with equal bits has changed) is asked of `changed` for the chunks that hold such a number.

    Args:
        before, after: same shape, any floating dtype, on the CPU; cast to bf16.
    """
    import numpy as np

    count, differs = 0, np.empty(CHUNK, dtype=bool)
    for one, other in zip(before.flatten().split(CHUNK), after.flatten().split(CHUNK), strict=True):
        one, other = one.bfloat16(), other.bfloat16()
        a, b = (each.view(torch.int16).numpy() for each in (one, other))
        if min(a.min(), b.min()) > MINUS_ZERO and not _has_nan(a):
            count += int(np.count_nonzero(np.not_equal(a, b, out=differs[: len(a)])))
        else:
            count += int(torch.count_nonzero(changed(one, other)))
    return count


def _has_nan(bits: "NDArray") -> bool:
    """Whether bf16 numbers, as int16, hold a NaN of either sign: its bits count above those of infinity."""
    return bool(bits.max() > INFINITY or bits.view("uint16").max() > MINUS_INFINITY)


def changed_masks(change: Changed, dtype: str | torch.dtype = "bf16") -> dict[str, Tensor]:
    """Mask of the changed entries of each matrix, (m, n) bool."""
    change = change.change()
    tuned = change.tuned(dtype)
    return {name: changed(w0, tuned[name], dtype) for name, w0 in change.base.items()}


def change_density(change: Changed, dtype: str | torch.dtype = "bf16") -> PerMatrix:
    """Fraction of the stored entries that changed, in [0, 1]; sparsity is 1 minus it. Exact: a count over a count."""
    masks = changed_masks(change, dtype)
    return change.change().per_matrix({name: mask.sum().item() / mask.numel() for name, mask in masks.items()})


def neighbours() -> tuple[Tensor, Tensor]:
    """Every pair of adjacent positive normal bf16 numbers, (32511,) each: 254 binades of 128, less one."""
    smallest, largest = 0x0080, 0x7F7F
    numbers = torch.arange(smallest, largest + 1, dtype=torch.int16).view(torch.bfloat16)
    return numbers[:-1], numbers[1:]


def probe_mismatches(eta: float) -> int:
    """How many pairs of adjacent bf16 numbers the probe of Def. 2.1 calls unchanged; they all differ in their bits.

    Exhaustive over positive normal numbers, and thereby over all normal ones: negative pairs mirror them, pairs
    further apart and pairs across 0 have larger relative gaps. 0 for eta < 2^-8.

    Args:
        eta: relative threshold of the probe.
    """
    low, high = (side.double() for side in neighbours())
    return int(((high - low) <= eta * high).sum())
