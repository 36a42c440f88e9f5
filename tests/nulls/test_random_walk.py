from dataclasses import replace
from math import pi

import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.isotropic import isotropic
from harness.nulls.random_walk import random_walk
from harness.spectra import Change


def road(norms: list[float], generator: torch.Generator, side: int = 40) -> Change:
    """A straight arm with these norms at steps 1, 2, ..."""
    base = {"w": torch.randn(side, side, generator=generator)}
    unit = torch.randn(side, side, generator=generator, dtype=torch.float64)
    unit /= unit.norm()
    snapshots = tuple((t + 1, Change(base, {"w": unit * norm})) for t, norm in enumerate(norms))
    return replace(snapshots[-1][1], trajectory=snapshots)


def stacked(change: Change) -> torch.Tensor:
    return torch.stack([snapshot.update["w"].flatten() for _, snapshot in change.trajectory])


def test_cosines_between_snapshots_are_ratios_of_norms(generator):
    """Truth for neighbours, whose step is orthogonal to the road so far; further apart fresh directions meet at
    1 / sqrt(1600), five of them."""
    norms = [0.5, 1.0, 1.5, 4.0]
    walk = stacked(random_walk(road(norms, generator), generator))
    unit = walk / walk.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    for s in range(4):
        for t in range(s, 4):
            exact = t - s < 2
            assert cosines[s, t].item() == pytest.approx(norms[s] / norms[t], abs=1e-12 if exact else 5 / 40)


def test_a_pure_walk_looks_rank_one_and_its_increments_do_not(generator):
    """Limit: norms sqrt(t), 75 steps: 8 / pi^2 of the energy in one direction, to 1 / 75 and what 1600 dimensions add; the
    increments are 75 nearly orthogonal steps, under .03. A straight road of the same norms has all of it in one."""
    arm = road([t**0.5 for t in range(1, 76)], generator)
    walk = stacked(random_walk(arm, generator))
    share = torch.linalg.svdvals(walk).square()
    assert (share[0] / share.sum()).item() == pytest.approx(8 / pi**2, abs=0.03)
    steps = torch.linalg.svdvals(walk.diff(dim=0)).square()
    assert steps[0] / steps.sum() < 0.03
    straight = torch.linalg.svdvals(stacked(isotropic(arm, generator))).square()
    assert straight[0] / straight.sum() > 1 - 1e-12


def test_its_end_is_its_last_snapshot_and_it_shrinks_along_itself(generator):
    walk = random_walk(road([1.0, 3.0, 2.0], generator), generator)
    peak, last = walk.trajectory[1][1].update["w"], walk.trajectory[2][1].update["w"]
    assert torch.equal(last, walk.update["w"])
    assert torch.allclose(peak * (2 / 3), last, rtol=1e-12)


def test_a_single_entry_cannot_walk(generator):
    with pytest.raises(MeasureError, match="null:random_walk has no direction in w: leave out matrices with a single entry"):
        random_walk(road([1.0, 2.0], generator, side=1), generator)
