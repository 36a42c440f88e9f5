"""How much of a gradient's energy k directions hold: its own k leading ones, or those of another gradient.

    own       E(k) = sum over i <= k of s_i^2 / |G|_F^2             chance: E(k) of noise of the shape (Marchenko-Pastur)
    another's |U_k(R)^T G|_F^2 / |G|_F^2,   |G V_k(R)|_F^2 / |G|_F^2    chance: k / m, k / n

Source: GaLore 2403.03507 and GrassWalk 2510.01878 ("core subspace energy"); sheet of the low-rank literature, E6 and E7.
Trap: its own k directions hold more than k / q of noise too: a quarter of them .62 of a square matrix, .46 at 3 : 1. The chance
beside E(k) is that, not k / q.
Trap: 'another's' on the same batch shares the batch's noise. Take R and G from different batches; two batches at one step
give the most that a projector of an earlier step could hold.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from harness.spectra.frame import leading
from harness.spectra.marchenko_pastur import noise_energy
from harness.spectra.named_matrices import each, per_matrix, same_matrices
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import singular_values
from harness.spectra.subspace_overlap import Side, leading_directions, side_length


class Captured(NamedTuple):
    """One number per matrix each.

    Attributes:
        share: of the energy, in [0, 1].
        chance: what noise reads.
        k: directions counted.
    """

    share: PerMatrix
    chance: PerMatrix
    k: PerMatrix


def captured_energy(gradients: Mapping[str, Tensor], k: int | None = None, fraction: float = 1 / 4) -> Captured:
    """Energy in the k leading singular directions of each matrix.

    Args:
        gradients: name -> (m, n).
        k: directions; if None, `fraction` of min(m, n), rounded, at least 1.
        fraction: in (0, 1].

    Raises:
        MeasureError: k larger than a matrix; a gradient is None, zero, not finite or not 2-D.
    """
    return _at(gradients, [lambda q: leading(q, k, fraction)])[0]


def energy_curve(
    gradients: Mapping[str, Tensor], fractions: Sequence[float] = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
) -> tuple[Captured, ...]:
    """`captured_energy` at several fractions of min(m, n), from one decomposition."""
    return _at(gradients, [lambda q, f=f: leading(q, None, f) for f in fractions])


def captured_by(gradients: Mapping[str, Tensor], reference: Mapping[str, Tensor], k: int, side: Side = "left") -> Captured:
    """Energy of each gradient in the k leading directions of another: what a projector taken there still sees.

    Args:
        gradients: name -> (m, n), to be read.
        reference: the same names and shapes, whose directions are taken.
        k: in 1..min(m, n), at most the reference's rank.
        side: "left" (outputs) or "right" (inputs).

    Raises:
        MeasureError: other matrices, an unknown side, k too large, or a gradient that cannot be read.
    """
    same_matrices(gradients, reference, "energy in another's directions")
    share, chance = {}, {}
    for name, g in each(gradients, "the share of its energy"):
        basis = leading_directions(reference[name], k, side, name)
        inside = basis.T @ g if side == "left" else g @ basis
        share[name] = (inside.square().sum() / g.square().sum()).item()
        chance[name] = k / side_length(g, side)
    return Captured(*(per_matrix(gradients, v) for v in (share, chance, dict.fromkeys(share, k))))


def _at(gradients: Mapping[str, Tensor], cuts: Sequence) -> tuple[Captured, ...]:
    rows: list[tuple[dict, dict, dict]] = [({}, {}, {}) for _ in cuts]
    for name, g in each(gradients, "the share of its energy"):
        energy = singular_values(g).square().cumsum(0)
        for (share, chance, ks), cut in zip(rows, cuts, strict=True):
            k = cut(len(energy))
            share[name], chance[name], ks[name] = (energy[k - 1] / energy[-1]).item(), noise_energy(*g.shape, k), k
    return tuple(Captured(*(per_matrix(gradients, column) for column in row)) for row in rows)
