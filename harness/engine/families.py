"""A family of arms that a body asks for by one name: many adapters of one base, stacked matrix by matrix.

    affine_own.stacked()["layers.0.mlp.up_proj"]      (N, m, n): the updates of all members
    affine_own.factors(0)["layers.0.mlp.up_proj"]     A and B of all members before the first step
    models.base(affine_own.change(7))                 the policy that member 7 started from, on member 7's task

Members are arms with recipes of their own (harness.training.adapter_arms_subspace), planned, trained and cached as all others.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from harness.spectra import Change
from harness.spectra.low_rank_update import LowRankUpdates
from harness.training.factors import Factors, factors
from harness.training.runs import Run

if TYPE_CHECKING:
    from torch import Tensor


class Sides(NamedTuple):
    """Factors of N adapters of one matrix, fp64: a (N, r, n) and b (N, m, r); an update is `scale` b a."""

    a: "Tensor"
    b: "Tensor"
    scale: float

    @property
    def updates(self) -> LowRankUpdates:
        """The updates as products."""
        return LowRankUpdates.of(self.scale * self.b, self.a)


class Family:
    """Runs of one replicate that belong together.

    Args:
        runs: with LoRA adapters, of one base.

    Attributes:
        runs: as given.
        tasks: what each was trained on, equal where the same: its task and sizes.
    """

    def __init__(self, runs: Sequence[Run]):
        self.runs = tuple(runs)
        self.tasks = tuple((run.recipe["task"], *(tuple(size) for size in run.recipe["sizes"])) for run in self.runs)
        self._sides: dict[int, dict[str, Sides]] = {}
        self._base: dict[str, Tensor] = {}

    def factors(self, step: int = -1) -> dict[str, Sides]:
        """Factors of all members by matrix, after some step."""
        if step not in self._sides:
            found = [factors(run, step) for run in self.runs]
            self._sides[step] = {name: _sides([each[name] for each in found]) for name in found[0]}
        return self._sides[step]

    def stacked(self) -> "dict[str, Tensor]":
        """The last updates of all members by matrix, (N, m, n) fp64."""
        return {name: sides.updates.dense() for name, sides in self.factors().items()}

    def change(self, member: int) -> Change:
        """What training did to one member, from its factors."""
        run = self.runs[member]
        if not self._base:
            self._base = run.base.matrices()
        moved = {name: sides.scale * sides.b[member] @ sides.a[member] for name, sides in self.factors().items()}
        update = {name: moved.get(name, torch.zeros_like(w0, dtype=torch.float64)) for name, w0 in self._base.items()}
        return Change(self._base, update, label=run.arm, arm=run.arm, seed=run.seed, run_keys=(run.key,))


def _sides(each: list[Factors]) -> Sides:
    return Sides(torch.stack([f.a for f in each]).double(), torch.stack([f.b for f in each]).double(), each[0].scale)
