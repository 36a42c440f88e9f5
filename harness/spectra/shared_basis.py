"""A basis of the space of updates, read from a stack of them: does it hold an update that it has not seen?

    X_i ~ mean + sum_j c_ij B_j,   B_j the k leading directions of the centred stack (m, n), orthonormal in <A, B> = tr A^T B
    c_ij = <X_i - mean, B_j>

A merge in the basis takes the mean of the coefficients. Centred coefficients sum to 0 over the stack, so that merge is the
mean, whatever k is. Held out is a whole group (a task): its members are read in the mean and the basis of all others.

    left by the mean    |X - mean|^2 / |X|^2,         left by both   |X - mean - sum_j c_j B_j|^2 / |X|^2
    gain                left by the mean - left by both, >= 0 whatever the basis; by chance k / (m n) of the former

Source: 2512.05117; identity and baseline: cahlen/universal-subspace-stress-test (sheet peft_merge 4.3, U3, U5).
Trap: holding out one member while others of its task stay in shows a task its own twin.
Trap: a gain above 0 is no news, more directions always hold more; compare with chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.hosvd import about_mean, checked, gram


class Basis(NamedTuple):
    """Mean (m, n) and directions (k, m, n), orthonormal; fp64."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(cls, stack: Tensor, k: int, *, centred: bool = True) -> Basis:
        """The k leading directions of a stack (N, m, n) along the model axis, from its N x N Gram matrix.

        Uncentred, the mean counts as zero.

        Raises:
            MeasureError: the stack has fewer than k directions; or as `hosvd.gram`.
        """
        wide = about_mean(stack) if centred else checked(stack)
        squares, vectors = torch.linalg.eigh(gram(wide, "model"))
        floor = len(squares) * 1e-14 * checked(stack).square().sum()
        if not 1 <= k <= len(squares) or squares[-k] <= floor:
            raise MeasureError(f"a stack of {len(squares)} updates has {int((squares > floor).sum())} directions, not {k}.")
        rows = (vectors[:, -k:] / squares[-k:].sqrt()).T @ wide.flatten(1)
        mean = checked(stack).mean(0) if centred else torch.zeros_like(wide[0])
        return cls(mean, rows.flip(0).view(k, *wide.shape[1:]))

    def coefficients(self, updates: Tensor) -> Tensor:
        """c of updates (..., m, n), (..., k)."""
        return torch.einsum("...mn,kmn->...k", updates.double() - self.mean, self.directions)

    def rebuilt(self, coefficients: Tensor) -> Tensor:
        """mean + sum_j c_j B_j, (..., m, n)."""
        return self.mean + torch.einsum("...k,kmn->...mn", coefficients, self.directions)

    def held(self, updates: Tensor) -> Tensor:
        """What mean and directions hold of updates, of the same shape."""
        return self.rebuilt(self.coefficients(updates))


class HeldOut(NamedTuple):
    """Energies of each update of a stack, (N,) fp64; its group was left out of mean and basis.

    Attributes:
        whole: |X_i|^2.
        by_mean: |X_i - mean|^2.
        by_both: the same less what the directions hold.
        chance: what as many random directions would be expected to hold of by_mean.
    """

    whole: Tensor
    by_mean: Tensor
    by_both: Tensor
    chance: Tensor


def subspace_merge(stack: Tensor, k: int, *, centred: bool = True) -> Tensor:
    """The update with the mean coefficients, (m, n) fp64: the mean, if the basis is centred. Raises as `Basis.of`."""
    basis = Basis.of(stack, k, centred=centred)
    return basis.rebuilt(basis.coefficients(stack).mean(0))


def held_out(stack: Tensor, groups: Sequence[Hashable], k: int, source: Tensor | None = None) -> HeldOut:
    """Each update in the mean of the other groups, and in the k leading directions of a stack without its group.

    Args:
        stack: (N, m, n).
        groups: group of each update; two or more, each with two others' updates beside it.
        k: directions.
        source: another stack (N, m, n) of the same groups to take directions from, for a null; None is the stack.

    Raises:
        MeasureError: groups do not fit the stack, or as `Basis.of`.
    """
    wide, source = checked(stack), checked(stack if source is None else source)
    if len(groups) != len(wide) or source.shape != wide.shape or len(set(groups)) < 2:
        raise MeasureError(f"{len(wide)} updates need as many groups, two different ones or more, and a source of their shape.")
    by_mean, by_both = torch.zeros(2, len(wide), dtype=torch.float64)
    for group in dict.fromkeys(groups):
        inside = torch.tensor([each == group for each in groups])
        mean = wide[~inside].mean(0)
        basis = Basis(mean, Basis.of(source[~inside], k).directions)
        rest = wide[inside] - mean
        by_mean[inside] = rest.square().sum((1, 2))
        by_both[inside] = by_mean[inside] - basis.coefficients(wide[inside]).square().sum(1)
    return HeldOut(wide.square().sum((1, 2)), by_mean, by_both, by_mean * (k / wide[0].numel()))
