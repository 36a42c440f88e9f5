"""The frame of every null and plant: another direction, the same length.

A surrogate keeps base, names and |D|_F of each matrix, and replaces the direction of the update. Snapshots of a
trajectory share one direction, drawn once and scaled to each snapshot's norm: so matching on norm means the same for
the surrogate as for the arm it stands in for. (A random walk, whose snapshots differ, is another null.)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Change, Changed

Direction = Callable[[Tensor], Tensor]


def in_direction(change: Changed, direction: Direction, label: str) -> Change:
    """A change of the same norm in every matrix and snapshot, in another direction.

    Args:
        change: whose norms to keep.
        direction: from a base matrix (m, n) fp32 to a direction (m, n); called once per matrix, by sorted name.
        label: "null:..." or "plant:...".

    Returns:
        A Change without capability: no such model was ever evaluated.

    Raises:
        MeasureError: a direction is zero.
    """
    change = change.change()
    unit = {name: _unit(direction(change.base[name]), name, label) for name in sorted(change.base)}
    return at_every_snapshot(change, lambda like: _along(like, unit, label))


def at_every_snapshot(change: Change, surrogate: Callable[[Change], Change]) -> Change:
    """The surrogate of the end, with those of the snapshots as its trajectory."""
    snapshots = tuple((step, surrogate(snapshot)) for step, snapshot in change.trajectory)
    return replace(surrogate(change), trajectory=snapshots)


def standing_in(change: Change, update: Mapping[str, Tensor], label: str) -> Change:
    """Another update in the place of this one; what was measured on the model itself is dropped."""
    return replace(
        change,
        update=update,
        label=label,
        trajectory=(),
        capability=None,
        capability_bf16=None,
        match=None,
    )


def gaussian(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Independent standard normal entries, drawn in fp32 (five times faster), as fp64."""
    return torch.randn(shape, generator=generator).double()


def random_signs(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Independent +1 and -1, fp64."""
    return torch.randint(0, 2, shape, generator=generator).double() * 2 - 1


def _along(change: Change, unit: Mapping[str, Tensor], label: str) -> Change:
    norms = change.norm()
    return standing_in(change, {name: unit[name] * norms[name] for name in change.base}, label)


def _unit(direction: Tensor, name: str, label: str) -> Tensor:
    direction = direction.double()
    norm = torch.linalg.vector_norm(direction)
    if norm == 0.0:
        raise MeasureError(f"{label} has no direction in {name}: choose a smaller block, or leave this matrix out.")
    return direction / norm
