"""Cosine between two updates of the same matrices, entry by entry.

    cos = <D, D'> / (|D|_F |D'|_F)

Source: the rotate-back test of arXiv 2511.08567's intervention (Fig. 6): train in rotated coordinates, carry the update back.
Trap: noise of mn entries reads 0 +- 1 / sqrt(mn), and two runs that differ in their data order alone read far below 1: compare with
that twin, not with 1. SGD commutes with a rotation of the coordinates, Adam, which divides entry by entry, does not.
"""

from harness.errors import MeasureError
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix


def update_cosine(change: Changed, other: Changed) -> PerMatrix:
    """Cosine of the two updates of each matrix, in [-1, 1].

    Raises:
        MeasureError: other matrices or shapes, or an update that is zero.
    """
    change, other = change.change(), other.change()
    norms = change.nonzero_norm("its cosine") * other.nonzero_norm("its cosine")
    products = {}
    for name, d in change.update.items():
        if name not in other.update or other.update[name].shape != d.shape:
            raise MeasureError(
                f"{name} has no counterpart of shape {tuple(d.shape)}: a cosine is between updates of the same matrices."
            )
        products[name] = (d * other.update[name]).sum().item()
    return change.per_matrix(products) / norms
