"""The profile of one matrix: curves and maps that show where its update lies, each beside what noise of the same norm reads.

    values_before, _after      singular values of W0 and of W0 + D, by index
    drift                      (sigma_i(W0 + D) - sigma_i(W0)) / sigma_i(W0);  reference: root mean square of the noises'
    angles_left, angles_right  principal angles in degrees between the leading k directions before and after, smallest first, at
                               the best gap k near an eighth of the spectrum, 64 at most;  reference: mean of the noises'
    energy                     16 x 16 map: energy of C = U0^T D V0 in blocks of indices, over chance;  reference: noises' mean
    mask_overlap ... bf16_map  what bf16 shows: harness.engine.profile_storage

The base's frame is found once, whatever the number of steps. The noise is isotropic, of the update's norm, and drawn from one
seed at every step, so that its evolution is smooth; where both sides are stored in 16 bits it went through the same rounding
(harness.nulls.stored_noise).
Trap: the index of a block says nothing where singular values are close; blocks are subspaces, single directions have a gauge.
Trap: a matrix whose update is zero has values, but no map of its energy; one that is not finite has nothing. Rows say so.
"""

from collections.abc import Callable
from functools import cached_property
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.engine.profile_curves import bin_sizes, bins, draws_of_noise, mean, refused, row, thinned
from harness.engine.profile_storage import ALPHA, MAPS, OVERLAPS, map_rows, overlap_rows
from harness.errors import MeasureError
from harness.nulls.stored_noise import noise_added, norm_before_rounding
from harness.spectra.bf16_change import change_density
from harness.spectra.block_energy import energy_shares
from harness.spectra.change import Change
from harness.spectra.frame import DIRECT_LIMIT, Frame, decompose, leading
from harness.spectra.gaps import gapped_k, relative_gap
from harness.spectra.krylov import leading_subspaces
from harness.spectra.masks import low_mask, principal_mask
from harness.spectra.nss import normalized_spectral_shift
from harness.spectra.principal_angles import principal_angles
from harness.spectra.singular_values import spectral_shifts
from harness.spectra.visibility import visible_chance

EIGHTH, MOST_ANGLES, ENERGY_BINS = 1 / 8, 64, 16
SIXTEEN = (torch.bfloat16, torch.float16)
VALUES = ("values_before", "values_after", "drift")
ANGLES = ("angles_left", "angles_right")
KINDS = (*VALUES, *ANGLES, "energy", *OVERLAPS, *MAPS)


class Number(NamedTuple):
    """One number of a matrix, and what noise reads (None where none was drawn)."""

    value: float
    noise: float | None


class Profile(NamedTuple):
    """A matrix at one step.

    Attributes:
        rows: of table profiles, without the columns that say whose they are.
        numbers: relative_norm, nss, enrichment, bf16_changed; those that are defined.
        damage: why it has no curves at all: weights that are not finite. None where it has.
    """

    rows: list[dict]
    numbers: dict[str, Number]
    damage: str | None = None


class _Beside(NamedTuple):
    """A change, noises of its norm, and the chance that such noise changes each entry in bf16, (m, n)."""

    change: Change
    noises: tuple[Change, ...]
    chance: Tensor


class MatrixProfile:
    """One base matrix, against which updates are read.

    Args:
        name: of the matrix.
        w0: (m, n) as stored, any floating dtype.
        seed: of the draws.
        draws: of the noise; 0 leaves its references out.
    """

    def __init__(self, name: str, w0: Tensor, *, seed: int = 0, draws: int = 3) -> None:
        self.name, self.w0, self.seed, self.draws = name, w0, seed, draws
        self.base = w0.detach().float()  # as a Change holds it

    def read(self, w1: Tensor) -> Profile:
        """Everything about one update; w1 (m, n) as stored."""
        try:
            change = Change.from_weights({self.name: self.w0}, {self.name: w1})
        except MeasureError as error:  # both sides have one shape: entries that are not finite are all there is to object to
            return Profile([refused(kind, str(error), "nonfinite") for kind in KINDS], {}, str(error))
        seen = self._beside_noise(change, w1)
        parts: tuple[tuple[tuple[str, ...], Callable[[_Beside], list[dict]]], ...] = (
            (VALUES, self._values),
            (ANGLES, self._angles),
            (("energy",), self._energy),
            (OVERLAPS, lambda seen: overlap_rows(seen.change, seen.noises, self._masks)),
            (MAPS, lambda seen: map_rows(seen.change, seen.chance)),
        )
        return Profile([each for kinds, measure in parts for each in _measured(kinds, measure, seen)], self._numbers(seen))

    def _beside_noise(self, change: Change, w1: Tensor) -> _Beside:
        norm = change.norm()[self.name]
        if norm == 0.0:
            return _Beside(change, (), torch.zeros(self.base.shape, dtype=torch.float64))
        kind = w1.dtype if w1.dtype == self.w0.dtype and w1.dtype in SIXTEEN else torch.float32
        generator = torch.Generator().manual_seed(self.seed)
        size = norm_before_rounding(self.w0, norm, kind, generator) if kind in SIXTEEN else norm
        drawn = [noise_added(self.w0, size, kind, generator) for _ in range(self.draws)]
        noises = tuple(Change.from_weights({self.name: self.w0}, {self.name: noisy}) for noisy in drawn)
        return _Beside(change, noises, visible_chance(self.base, size / sqrt(self.base.numel())))

    @cached_property
    def _frame(self) -> Frame:
        return Frame.of(self.base)

    @cached_property
    def _masks(self) -> tuple[Tensor, Tensor, Tensor]:
        """M_princ, M_low, and both."""
        principal, low = principal_mask(self.base, ALPHA), low_mask(self.base, ALPHA)
        return principal, low, principal & low

    @cached_property
    def _cut(self) -> int:
        return gapped_k(self._frame.S, min(leading(len(self._frame.S), None, EIGHTH), MOST_ANGLES))

    @cached_property
    def _leads(self) -> tuple[Tensor, Tensor]:
        return self._lead(self.base)

    def _lead(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Leading directions, (m, k) and (n, k); of large matrices from one start, so that the errors of two are alike."""
        if min(matrix.shape) > DIRECT_LIMIT:
            found = leading_subspaces(matrix, self._cut, generator_seed=0)
        else:
            found = self._frame if matrix is self.base else decompose(matrix)
        return found.U[:, : self._cut], found.V[:, : self._cut]

    def _values(self, seen: _Beside) -> list[dict]:
        shift = spectral_shifts(seen.change)[self.name]
        count, kept = len(shift.before), thinned(len(shift.before))
        x = [index + 1 for index in kept]
        noises = [spectral_shifts(noise)[self.name] for noise in seen.noises]
        squares = mean([(noise.delta / noise.before).square() for noise in noises])
        size = None if squares is None else squares.sqrt()[kept]
        thin = f"{len(kept)} of {count} indices are kept" if len(kept) < count else None
        return [
            row("values_before", shift.before[kept], x, detail=thin),
            row("values_after", shift.after[kept], x, detail=thin),
            row("drift", (shift.delta / shift.before)[kept], x, size, self._drawn("root mean square"), detail=thin),
        ]

    def _angles(self, seen: _Beside) -> list[dict]:
        def turned(change: Change) -> list[Tensor]:
            tuned = self._lead(change.base[self.name].double() + change.update[self.name])
            return [torch.rad2deg(principal_angles(*sides)) for sides in zip(self._leads, tuned, strict=True)]

        own, noises = turned(seen.change), [turned(noise) for noise in seen.noises]
        x, gap = range(1, self._cut + 1), relative_gap(self._frame.S, self._cut)
        cut = f"k = {self._cut}, where sigma_k / sigma_(k+1) = {gap:.3f}"
        references = [mean([noise[side] for noise in noises]) for side in (0, 1)]
        return [row(kind, own[i], x, references[i], self._drawn("mean"), detail=cut) for i, kind in enumerate(ANGLES)]

    def _energy(self, seen: _Beside) -> list[dict]:
        seen.change.nonzero_norm("the map of its energy")
        own, noises = self._energy_map(seen.change), [self._energy_map(noise) for noise in seen.noises]
        detail = "energy of U0^T D V0 by blocks of indices, leading ones first, over chance"
        reference = None
        if noises:
            ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
            low, high = torch.stack(noises).quantile(ends).tolist()
            detail += f"; 95 % of the noise's blocks lie in {low:.2f} to {high:.2f}"
            reference = [torch.stack(noises).mean()]
        return [row("energy", own, None, reference, self._drawn("mean of all blocks"), shape=tuple(own.shape), detail=detail)]

    def _energy_map(self, change: Change) -> Tensor:
        c, energy = self._frame.read(change.update[self.name])
        blocks = min(ENERGY_BINS, len(c))
        sizes = bin_sizes(len(c), blocks)
        return bins(c.square(), blocks, blocks) / (energy * torch.outer(sizes, sizes) / self.base.numel())

    def _numbers(self, seen: _Beside) -> dict[str, Number]:
        """Numbers of the layers' profiles; one that is undefined is left out."""
        k = leading(min(self.base.shape), None, EIGHTH)
        lead = (self._frame.U[:, :k], self._frame.V[:, :k])

        def enrichment(change: Change) -> float:
            norm = change.nonzero_norm("the share of its energy")[self.name]
            return energy_shares(change.update[self.name].float(), *lead, norm).both / (k * k / self.base.numel())

        measures: dict[str, Callable[[Change], float]] = {
            "relative_norm": lambda change: change.relative_norm()[self.name],
            "nss": lambda change: normalized_spectral_shift(change)[self.name],
            "enrichment": enrichment,
        }
        found = {name: _number(measure, seen) for name, measure in measures.items()}
        changed = Number(change_density(seen.change)[self.name], seen.chance.mean().item())
        return {name: each for name, each in found.items() if each} | {"bf16_changed": changed}

    def _drawn(self, how: str) -> str:
        return draws_of_noise(how, self.draws)


def _number(measure: Callable[[Change], float], seen: _Beside) -> Number | None:
    try:
        value, drawn = measure(seen.change), [measure(noise) for noise in seen.noises]
    except MeasureError:
        return None
    is_finite = abs(value) < float("inf")  # a base of zeros has no relative norm
    return Number(value, sum(drawn) / len(drawn) if drawn else None) if is_finite else None


def _measured(kinds: tuple[str, ...], measure: Callable[[_Beside], list[dict]], seen: _Beside) -> list[dict]:
    try:
        return measure(seen)
    except MeasureError as error:
        return [refused(kind, str(error)) for kind in kinds]
