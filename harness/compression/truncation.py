"""What truncation to the allocated ranks does to the weights.

    W_r = U_r S_r V_r^T = (U_r sqrt S_r)(sqrt S_r V_r^T),   |W - W_r|_F^2 = sum_(i>r) s_i^2,   |W - W_r|_2 = s_(r+1)

the best rank-r approximation (Eckart & Young 1936), so the error follows from singular values alone. As a Change, W_r - W can
be read by every measure of the harness, and matched against noise of its norm.
Trap: small in |.|_F is not small in loss: the error of an allocation orders rules, perplexity judges them.
Trap: the reference stores factors in bf16; a relative error below some 2e-3 is then that of storage.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from torch import Tensor

from harness.compression.allocation import Allocation
from harness.compression.rules import energy_allocation
from harness.compression.spectra import Spectrum
from harness.errors import MeasureError
from harness.spectra.change import Change
from harness.spectra.frame import decompose, leading
from harness.spectra.named_matrices import checked
from harness.spectra.per_matrix import PerMatrix


class Factors(NamedTuple):
    """W_r = up @ down: up (m, r), down (r, n), each with the root of the singular values; fp64."""

    up: Tensor
    down: Tensor


class Report(NamedTuple):
    """One number per matrix, and totals.

    Attributes:
        kept: r.
        reduction: 1 - r / q.
        energy90: rank that holds 90 % of the energy, whatever was kept. A matrix far below it was not low-rank.
        error: |W - W_r|_F / |W|_F.
        worst: |W - W_r|_2 / |W|_2, s_(r+1) / s_1.
        total_error: over all matrices, sqrt(sum |W - W_r|^2 / sum |W|^2).
        total_reduction: of ranks.
        parameters: stored over dense.
    """

    kept: PerMatrix
    reduction: PerMatrix
    energy90: PerMatrix
    error: PerMatrix
    worst: PerMatrix
    total_error: float
    total_reduction: float
    parameters: float


def report(spectra: Mapping[str, Spectrum], allocation: Allocation) -> Report:
    """What an allocation does, from singular values alone.

    Args:
        spectra: of the weights.
        allocation: of the same matrices.

    Raises:
        MeasureError: other matrices.
    """
    allocation = Allocation.of(allocation.kept, spectra)
    sizes = {name: s.shape[0] * s.shape[1] for name, s in spectra.items()}
    lost = {name: s.values[allocation.kept[name] :].square().sum().item() for name, s in spectra.items()}
    whole = {name: s.values.square().sum().item() for name, s in spectra.items()}
    worst = {
        name: (s.values[r] / s.values[0]).item() if (r := allocation.kept[name]) < s.q else 0.0 for name, s in spectra.items()
    }
    return Report(
        PerMatrix(allocation.kept, sizes),
        allocation.reduction,
        PerMatrix(energy_allocation(spectra, 0.9).kept, sizes),
        PerMatrix({name: sqrt(lost[name] / whole[name]) for name in spectra}, sizes),
        PerMatrix(worst, sizes),
        sqrt(sum(lost.values()) / sum(whole.values())),
        allocation.total_reduction,
        allocation.parameters / allocation.dense_parameters,
    )


def factorize(matrix: Tensor, r: int, name: str = "the matrix") -> Factors:
    """The two factors of the best rank-r approximation of (m, n).

    Raises:
        MeasureError: r outside 1..min(m, n); a matrix that is zero, not finite or not 2-D.
    """
    wide = checked(matrix, name, "its factors", "weight")
    r = leading(min(wide.shape), r, 1.0)
    frame = decompose(wide)
    root = frame.S[:r].sqrt()
    return Factors(frame.U[:, :r] * root, root[:, None] * frame.V[:, :r].T)


def truncated(weights: Mapping[str, Tensor], allocation: Allocation, label: str = "truncated") -> Change:
    """The change from W to W_r, of all matrices at once.

    Args:
        weights: name -> (m, n).
        allocation: `split(...).applied` for WeLore; a matrix that keeps its full rank does not change.
        label: of the Change.

    Raises:
        MeasureError: other matrices, or one that cannot be read.
    """
    if weights.keys() != allocation.kept.keys():
        raise MeasureError(
            f"{min(weights.keys() ^ allocation.kept.keys())} is on one side only: truncate the matrices that were allocated."
        )
    base = {name: w.detach().float() for name, w in weights.items()}
    update = {}
    for name, w in base.items():
        r = allocation.kept[name]
        if r == min(w.shape):
            update[name] = w.double() * 0.0
        else:
            up, down = factorize(w, r, name)
            update[name] = up @ down - w.double()
    return Change(base, update, label=label)
