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
    surrogate = _along(change, unit, label)
    snapshots = tuple((step, _along(snapshot, unit, label)) for step, snapshot in change.trajectory)
    return replace(surrogate, trajectory=snapshots)


def gaussian(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Independent standard normal entries, drawn in fp32 (five times faster), as fp64."""
    return torch.randn(shape, generator=generator).double()


def random_signs(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Independent +1 and -1, fp64."""
    return torch.randint(0, 2, shape, generator=generator).double() * 2 - 1


def _along(change: Change, unit: Mapping[str, Tensor], label: str) -> Change:
    norms = change.norm()
    return replace(
        change,
        update={name: unit[name] * norms[name] for name in change.base},
        label=label,
        trajectory=(),
        capability=None,
        capability_bf16=None,
        match=None,
    )


def _unit(direction: Tensor, name: str, label: str) -> Tensor:
    direction = direction.double()
    norm = torch.linalg.vector_norm(direction)
    if norm == 0.0:
        raise MeasureError(f"{label} has no direction in {name}: choose a smaller block, or leave this matrix out.")
    return direction / norm
