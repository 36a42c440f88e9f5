"""What two tasks in turn leave: how far the second moved along the first's directions, what it forgot, what it brought.

    along(D, H) = |D H|_F / |D|_F a matrix,   H (in, h) what the first task spanned
    forgotten   = accuracy on the first task after it - accuracy on it after the second
    both        = mean of the accuracies on the two tasks at the end

Accuracies are greedy, of 300 held-out problems. A learner is its two runs, first and second.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.spectra import Change, PerMatrix
    from torch import Tensor


def along(arm: "Change", held: "Mapping[str, Tensor]") -> "PerMatrix":
    """Share of each matrix' update that lies in its directions, as a ratio of norms."""
    found = {}
    for name, d in arm.update.items():
        basis = held[name].double()
        found[name] = ((d @ basis).norm() / d.norm()).item()
    return arm.per_matrix(found)


def forgotten(first: "Change", second: "Change") -> float:
    """Accuracy on the first task that the second cost."""
    return first.capability[first.graded] - second.capability[first.graded]


def both(first: "Change", second: "Change") -> float:
    """Mean accuracy on both tasks at the end."""
    return (second.capability[first.graded] + second.capability[second.graded]) / 2


def ideal(first: "Change", second: "Change") -> float:
    """The same of a learner that forgets nothing of the first and learns the second as this one does."""
    return (first.capability[first.graded] + second.capability[second.graded]) / 2


def untaught(first: "Change", second: "Change") -> float:
    """Accuracy on the second task before it."""
    return first.capability[second.graded]
