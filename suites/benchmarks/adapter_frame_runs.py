"""Fifty adapters of one matrix, read through its frame in factors, or merged and decomposed one by one, in CPU seconds.

    ours      one decomposition of the base, then `read_low_rank` of all fifty: energy, its shares in the leading block and on
              either side, and the first-order shift of every singular value
    merged    the same decomposition, then of each adapter: D = L R, W = W0 + D, the SVD of W for its values, U^T D V for the
              shares. EACH of them are timed and taken COUNT / EACH times
    values    the same with singular values alone (`singular_values`, eigenvalues of the Gram matrix) in the SVD's place

Adapters have rank 8 and relative size 1e-5, so that the first order is the shift to a hundredth, and both ways can be compared.
Trap: at the size of a trained adapter the first order is no longer the shift; `predicted_values` is (second_order.py).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from suites.benchmarks.diff_runs import timed
from suites.benchmarks.race import Seconds

if TYPE_CHECKING:
    from harness.spectra import Frame
    from harness.spectra.low_rank_update import LowRankUpdates
    from torch import Tensor

ADAPTERS = "adapters"
"""Family, Holm-corrected on its own."""

SIDES = (256, 1024, 2048)
COUNT, EACH = 50, 2
RANK = 8
RELATIVE = 1e-5
FRACTION = 1 / 8


class Given(NamedTuple):
    """A Gaussian base (m, m), fp32, and its adapters."""

    base: "Tensor"
    updates: "LowRankUpdates"


class Read(NamedTuple):
    """Of some adapters, (N,) each: shares of energy in the block, left and right, and the norm of the shift of all values."""

    block: "Tensor"
    left: "Tensor"
    right: "Tensor"
    shift: "Tensor"


def given(side: int, seed: int = 0, count: int = COUNT) -> Given:
    """Draw them."""
    import torch
    from harness.spectra.low_rank_update import LowRankUpdates

    g = torch.Generator().manual_seed(seed)
    base = torch.randn(side, side, generator=g)
    left, right = torch.randn(count, side, RANK, generator=g), torch.randn(count, RANK, side, generator=g)
    return Given(base, LowRankUpdates.of(RELATIVE * RANK**-0.5 * left, right))


def framed(one: Given) -> Read:
    """All adapters through the base's frame."""
    from harness.spectra.frame import decompose
    from harness.spectra.low_rank_update import read_low_rank

    found = read_low_rank(decompose(one.base), one.updates, fraction=FRACTION)
    return Read(found.block, found.left, found.right, found.drift.norm(dim=1))


def merged(one: Given, frame: "Frame", member: int, values: str = "svd") -> "Tensor":
    """The four numbers of one adapter from its merged matrix."""
    import torch
    from harness.spectra.singular_values import singular_values

    base, k = one.base.double(), round(FRACTION * len(frame.S))
    update = one.updates.left[member] @ one.updates.right[member]
    tuned = base + update
    found = torch.linalg.svd(tuned, full_matrices=False)[1] if values == "svd" else singular_values(tuned)
    inside, energy = frame.U.T @ update @ frame.V, update.square().sum()
    shares = [part.square().sum() / energy for part in (inside[:k, :k], inside[:k], inside[:, :k])]
    return torch.stack([*shares, (found - frame.S).norm()])


def ours(one: Given) -> Callable[[], Seconds]:
    """What answers with the CPU time of reading all."""
    return lambda: timed(lambda: framed(one))[0]


def reference(one: Given, values: str = "svd") -> Callable[[], Seconds]:
    """What answers with the CPU time of merging all, as if all were."""
    from harness.spectra.frame import decompose

    def run() -> Seconds:
        first, frame = timed(lambda: decompose(one.base))
        spent, _ = timed(lambda: [merged(one, frame, member, values) for member in range(EACH)])
        return Seconds(first + spent * (len(one.updates.left) / EACH))

    return run
