"""A change of weights: base matrices, the update of each, and the road that led there.

    D = W - W0, subtracted in fp64

Trap: subtracting in bf16 or fp32 rounds what is to be measured. fp32 and bf16 weights subtract without error in fp64
(unless their exponents are 29 bits apart), so base + update gives the tuned weights back bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra import matching
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.precision import storage_dtype


class Changed(Protocol):
    """Whatever a measure can read: a Change, or a run that offers one."""

    def change(self) -> Change: ...


@dataclass(frozen=True, eq=False, repr=False)
class Change:
    """What training did to the 2-D weights of a model.

    The tensors are shared, not copied, and must not be written to: spectra are remembered per Change.

    Attributes:
        base: name -> (m, n) fp32, W0.
        update: name -> (m, n) fp64, D. Same names and shapes.
        label: for people: the arm, or "null:isotropic" and the like.
        trajectory: (step, Change) by increasing step; may hold step 0 (a zero update) and the last step.
        capability, capability_bf16: task -> score of the tuned model as trained, and as seen in bf16.
            None where this update is not that of an evaluated model (scaled, matched on norm, surrogate).
        graded: task that the arm is graded by, a key of both; `accuracy` and `accuracy_bf16` read it.
        gain: held-out accuracy gained over the base on the task that the arm is graded by. A surrogate keeps the gain of
            the snapshot it stands in for, so that a match on gain takes the same snapshot for a null as for its arm.
        match: how `matched` got here: on, step, target, achieved, ratio (achieved over target), and for update_norm
            ratio_before and worst_matrix.
        head_map: what moved the base's heads before this training (harness.interventions.HeadMap), None where nothing did;
            `interventions.rotate_back` takes it to see the update in the coordinates of the unmoved base.
        arm, seed, run_keys: where the weights come from.

    Raises:
        MeasureError: names or shapes differ, a matrix is not 2-D, a dtype is off, an entry is not finite.
    """

    base: Mapping[str, Tensor]
    update: Mapping[str, Tensor]
    label: str = "change"
    trajectory: tuple[tuple[int, Change], ...] = ()
    capability: Mapping[str, float] | None = None
    capability_bf16: Mapping[str, float] | None = None
    graded: str | None = None
    gain: float | None = None
    match: Mapping[str, Any] | None = None
    head_map: Any = None
    arm: str | None = None
    seed: int | None = None
    run_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_pair(self.base, self.update, "base", "update")
        for role, weights, dtype in (("base", self.base, torch.float32), ("update", self.update, torch.float64)):
            for name, tensor in weights.items():
                if tensor.dtype != dtype:
                    raise MeasureError(
                        f"the {role} of {name} is {tensor.dtype}, not {dtype}: build it with Change.from_weights."
                    )
                _check_finite(tensor, f"the {role} of {name}")

    @classmethod
    def from_weights(cls, base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], **fields: Any) -> Change:
        """The change from base to tuned weights of any floating dtype; further fields by name."""
        _check_pair(base, tuned, "base", "tuned")
        for role, weights in (("base", base), ("tuned weights", tuned)):
            for name, tensor in weights.items():
                _check_finite(tensor, f"the {role} of {name}")
        single = {name: tensor.detach().float() for name, tensor in base.items()}
        update = {name: tuned[name].detach().double() - tensor.double() for name, tensor in single.items()}
        return cls(single, update, **fields)

    def change(self) -> Change:
        """Itself, so that measures take runs and changes alike."""
        return self

    @property
    def sizes(self) -> dict[str, int]:
        """Number of entries of each matrix."""
        return {name: tensor.numel() for name, tensor in self.base.items()}

    def per_matrix(self, values: Mapping[str, float]) -> PerMatrix:
        """Values by matrix name, with this change's sizes."""
        return PerMatrix(values, self.sizes)

    def tuned(self, dtype: str | torch.dtype = "fp32") -> dict[str, Tensor]:
        """W0 + D, rounded to fp32 (the master weights) and from there to the storage format."""
        target = storage_dtype(dtype)
        return {name: (w0.double() + self.update[name]).float().to(target) for name, w0 in self.base.items()}

    @property
    def accuracy(self) -> float | None:
        """Score of the tuned model on the task that the arm is graded by; None where no such model was evaluated."""
        return None if self.capability is None or self.graded is None else self.capability[self.graded]

    @property
    def accuracy_bf16(self) -> float | None:
        """The same with the weights rounded to bf16."""
        return None if self.capability_bf16 is None or self.graded is None else self.capability_bf16[self.graded]

    def last_step(self) -> Change:
        """The update of the last optimizer step alone, on the weights before it.

        Raises:
            MeasureError: the step before the last was not kept.
        """
        if len(self.trajectory) < 2 or self.trajectory[-2][0] != self.trajectory[-1][0] - 1:
            raise MeasureError(f"the last two steps of {self.label} were not both kept: its last update cannot be read.")
        before = self.trajectory[-2][1]
        update = {name: d - before.update[name] for name, d in self.update.items()}
        return Change(before.tuned(), update, label=f"last step of {self.label}", arm=self.arm, seed=self.seed, run_keys=self.run_keys)

    def norm(self) -> PerMatrix:
        """|D|_F of each matrix."""
        return self.per_matrix({name: torch.linalg.vector_norm(d).item() for name, d in self.update.items()})

    def relative_norm(self) -> PerMatrix:
        """|D|_F / |W0|_F of each matrix; inf or nan where W0 is zero."""
        norms = {name: torch.linalg.vector_norm(w0.double()).item() for name, w0 in self.base.items()}
        return self.norm() / norms

    def nonzero_norm(self, quantity: str) -> PerMatrix:
        """|D|_F, for measures that divide by it.

        Raises:
            MeasureError: an update is zero, so that `quantity` is undefined.
        """
        norms = self.norm()
        for name, value in norms.items():
            if value == 0.0:
                raise MeasureError(
                    f"the update of {name} is zero: {quantity} is undefined; "
                    "train longer, or leave out the matrices that were frozen."
                )
        return norms

    def scaled(self, factor: float | Mapping[str, float]) -> Change:
        """The update of every matrix (and of every snapshot) times a factor, or times one factor per matrix."""
        factors = self.per_matrix(dict.fromkeys(self.base, 1.0)) * factor
        return replace(
            self,
            update={name: d * factors[name] for name, d in self.update.items()},
            trajectory=tuple((step, snapshot.scaled(factors)) for step, snapshot in self.trajectory),
            capability=None,
            capability_bf16=None,
            gain=None,
        )

    def plus(self, other: Changed) -> Change:
        """Both updates at once, on the same base; without trajectory.

        Raises:
            MeasureError: other matrices, or another base.
        """
        added = other.change()
        _check_pair(self.base, added.base, "one base", "the other base")
        for name, w0 in self.base.items():
            if not torch.equal(w0, added.base[name]):
                raise MeasureError(f"the bases differ in {name}: two updates can be added only on one base.")
        update = {name: d + added.update[name] for name, d in self.update.items()}
        return Change(self.base, update, label=f"{self.label} + {added.label}", arm=self.arm, seed=self.seed)

    def seen_in(self, dtype: str | torch.dtype) -> Change:
        """The same change between two checkpoints stored in `dtype`: base and tuned weights are both rounded."""
        target = storage_dtype(dtype)
        stored = ({name: w0.to(target) for name, w0 in self.base.items()}, self.tuned(target))
        seen = Change.from_weights(*({name: w.float() for name, w in side.items()} for side in stored))
        snapshots = tuple((step, snapshot.seen_in(target)) for step, snapshot in self.trajectory)
        return replace(
            self,
            base=seen.base,
            update=seen.update,
            trajectory=snapshots,
            capability=self.capability_bf16 if target == torch.bfloat16 else None,
        )

    def matched(self, other: Changed, on: str = "update_norm") -> Change:
        """This change where it is comparable with another of the same matrices.

        Args:
            other: what to match.
            on: "update_norm": the snapshot nearest in total |D|_F, then rescaled so that |D|_F equals other's in every
                matrix. "gain": the snapshot whose gain is nearest to other's. "steps": the snapshot of other's last step.

        Returns:
            A Change without trajectory. `match` tells what was asked and how close it came: on, step (None: the end of
            this change), target, achieved, ratio; for "update_norm" also ratio_before (total norm of the snapshot over
            other's) and worst_matrix (largest |log| of the ratio of two matrices' norms).

        Raises:
            SpecError: "step_norm", which is a recipe's: `Adaptation.matches`.
            MeasureError: an unknown `on`; other matrices or a zero update; gains or steps that are not known.
            Unmatched: gains that differ by more than matching.GAIN_TOLERANCE; a step that was not kept.
        """
        return matching.match(self, other.change(), on)

    def __repr__(self) -> str:
        return f"Change({self.label!r}, {len(self.base)} matrices, |D|_F={matching.total(self.norm()):.4g})"


def _check_pair(left: Mapping[str, Tensor], right: Mapping[str, Tensor], left_role: str, right_role: str) -> None:
    if not left:
        raise MeasureError("a change needs at least one 2-D weight matrix: none was given.")
    if left.keys() != right.keys():
        name = min(left.keys() ^ right.keys())
        role = left_role if name in left else right_role
        raise MeasureError(f"{name} is in the {role} only: {left_role} and {right_role} must hold the same matrices.")
    for name, tensor in left.items():
        if tensor.ndim != 2:
            raise MeasureError(f"{name} has shape {tuple(tensor.shape)}: spectra are read from 2-D matrices only.")
        if tensor.shape != right[name].shape:
            raise MeasureError(
                f"{name} is {tuple(tensor.shape)} in the {left_role} and {tuple(right[name].shape)} in the "
                f"{right_role}: compare models of one architecture."
            )


def _check_finite(tensor: Tensor, what: str) -> None:
    if not tensor.isfinite().all():
        count = int((~tensor.isfinite()).sum())
        raise MeasureError(
            f"{what} holds {count} entries that are not finite: the run diverged or the file is damaged."
        )
