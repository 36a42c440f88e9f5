"""Steps without direction: snapshots of a random walk that has the arm's norm at every snapshot.

    D_t = |D_t|_F u_t,   u_s = c u_t + sqrt(1 - c^2) w,   c = |D_s|_F / |D_t|_F   for s just before t

w a random unit vector orthogonal to u_t: drawn backwards from the end, this is the walk whose every step is orthogonal to
the road so far, with |D_t - D_s|^2 = |D_t|^2 - |D_s|^2 and cos(D_s, D_t) = |D_s| / |D_t|, sqrt(s / t) if the norm grows like a
walk's. The null of statements about trajectories (rank-1, linear, locked): such a walk has 8 / pi^2 = .81 of its
snapshots' energy in one direction.
Trap: `isotropic` shares one direction over all snapshots, so every statement of straightness holds for it. Where the arm's
norm falls, the walk shrinks along itself: no independent step could do that.
"""

from dataclasses import replace

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.nulls.surrogate import gaussian, standing_in
from harness.spectra.change import Change, Changed

LABEL = "null:random_walk"


def random_walk(change: Changed, generator: torch.Generator) -> Change:
    """A walk of the same norm in every matrix and snapshot; the update itself is its end.

    Raises:
        MeasureError: a matrix with a single entry, where no step is orthogonal to another.
    """
    change = change.change()
    units = {name: _unit(gaussian(change.base[name].shape, generator), name) for name in sorted(change.base)}
    walk, norms = standing_in(change, _scaled(units, change), LABEL), change.norm()
    backwards = []
    for step, snapshot in reversed(change.trajectory):
        before = snapshot.norm()
        units = {name: _earlier(unit, before[name], norms[name], generator, name) for name, unit in units.items()}
        backwards.append((step, standing_in(snapshot, _scaled(units, snapshot), LABEL)))
        norms = before
    return replace(walk, trajectory=tuple(reversed(backwards)))


def _scaled(units: dict[str, Tensor], like: Change) -> dict[str, Tensor]:
    norms = like.norm()
    return {name: units[name] * norms[name] for name in like.base}


def _earlier(unit: Tensor, before: float, after: float, generator: torch.Generator, name: str) -> Tensor:
    """The direction one snapshot earlier."""
    if before >= after or before == 0.0:
        return unit
    noise = gaussian(unit.shape, generator)
    noise -= unit * (unit * noise).sum()
    cosine = before / after
    return cosine * unit + (1 - cosine**2) ** 0.5 * _unit(noise, name)


def _unit(direction: Tensor, name: str) -> Tensor:
    length = torch.linalg.vector_norm(direction)
    # What a projection leaves of a single entry is rounding, not a direction.
    if length < 1e-9:
        raise MeasureError(f"{LABEL} has no direction in {name}: leave out matrices with a single entry.")
    return direction / length
