"""Ranks given to matrices, and what they cost.

    reduction of a matrix     1 - r / q                   q = min(m, n)
    reduction of all          1 - sum r / sum q           the "effective rank reduction" of WeLore 2407.11239
    parameters                sum of min(r (m + n), mn)   two factors, or the matrix itself where that is smaller

Trap: the first two count ranks, not parameters. A square matrix saves nothing below a reduction of one half, and one rank of
a wide matrix costs more than one of a narrow: report both.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from harness.compression.spectra import Spectrum
from harness.errors import MeasureError
from harness.spectra.per_matrix import PerMatrix


class Allocation(NamedTuple):
    """A rank per matrix.

    Attributes:
        kept: name -> r, in 1..q.
        shapes: name -> (m, n).
    """

    kept: Mapping[str, int]
    shapes: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, kept: Mapping[str, int], spectra: Mapping[str, Spectrum]) -> "Allocation":
        """Ranks for these spectra, checked.

        Raises:
            MeasureError: other names, or a rank outside 1..q.
        """
        if kept.keys() != spectra.keys():
            raise MeasureError(f"{min(kept.keys() ^ spectra.keys())} is on one side only: allocate a rank to every matrix.")
        for name, r in kept.items():
            if not 1 <= r <= spectra[name].q:
                raise MeasureError(
                    f"rank {r} of {name}, which has {spectra[name].q}: choose a rank between 1 and {spectra[name].q}."
                )
        return cls(dict(kept), {name: spectra[name].shape for name in kept})

    @property
    def full(self) -> dict[str, int]:
        """name -> q."""
        return {name: min(shape) for name, shape in self.shapes.items()}

    @property
    def reduction(self) -> PerMatrix:
        """1 - r / q of each matrix."""
        return PerMatrix(
            {name: 1 - r / self.full[name] for name, r in self.kept.items()}, {n: s[0] * s[1] for n, s in self.shapes.items()}
        )

    @property
    def total_reduction(self) -> float:
        """1 - sum r / sum q."""
        return 1 - sum(self.kept.values()) / sum(self.full.values())

    @property
    def parameters(self) -> int:
        """Entries to store, factors or matrix, whichever is smaller."""
        return sum(
            min(r * sum(self.shapes[name]), self.shapes[name][0] * self.shapes[name][1]) for name, r in self.kept.items()
        )

    @property
    def dense_parameters(self) -> int:
        """Entries of the matrices themselves."""
        return sum(m * n for m, n in self.shapes.values())

    @property
    def non_uniformity(self) -> float:
        """Standard deviation over mean of the reductions, 0 for a uniform allocation.

        Compare with the same rule on `gaussian_spectra`: shapes alone spread it. None of it is about learning where an
        untrained checkpoint shows it too.

        Raises:
            MeasureError: nothing is reduced.
        """
        ratios = list(self.reduction.values())
        mean = sum(ratios) / len(ratios)
        if mean == 0.0:
            raise MeasureError("no rank was taken from any matrix: how unevenly is undefined; raise the threshold.")
        return sqrt(sum((ratio - mean) ** 2 for ratio in ratios) / len(ratios)) / mean
