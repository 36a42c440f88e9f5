"""What no reading of a matrix can go without, in CPU seconds at this machine's own rates.

    floor = bytes of both sides / read rate + 2 q^2 p / product rate + 2 eigvalsh(q)          q x p, q <= p

which is all singular values of both sides and nothing else: no directions, no masks, no ranks. A Gram matrix is symmetric, so q^2 p
multiplications and additions are enough where a product of all entries takes twice as many; the rate is that of a square product.
Trap: eigvalsh is timed on the Gram matrix itself. It is no bound of mathematics, but the fastest routine at hand.
"""

from typing import NamedTuple

from suites.benchmarks.diff_runs import Matrices, timed
from suites.benchmarks.race import Run

PRODUCT = 2048
"""Side of the product that gives the rate; larger ones are no faster."""


class Floor(NamedTuple):
    """CPU seconds of each part."""

    reading: float
    products: float
    eigenvalues: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return sum(self)


def floor(pair: Matrices, read_rate: float) -> Floor:
    """The floor of one pair of matrices, in fp64.

    Args:
        pair: both sides.
        read_rate: bytes a second, see diff_disk.
    """
    import torch
    from harness.spectra.gram_values import gram

    q, p = sorted(pair.w0.shape)
    one = torch.randn(PRODUCT, PRODUCT, dtype=torch.float64)
    rate = 2 * PRODUCT**3 / fastest(lambda: one @ one, rounds=5)
    squared = gram(pair.w0)
    squared = squared.tril() + squared.tril(-1).T
    eigenvalues = fastest(lambda: torch.linalg.eigvalsh(squared), rounds=2)
    return Floor(2 * pair.w0.nbytes / read_rate, 2 * q * q * p / rate, 2 * eigenvalues)


def fastest(run: Run, rounds: int) -> float:
    """Least CPU seconds of some calls."""
    return min(timed(run)[0] for _ in range(rounds))
