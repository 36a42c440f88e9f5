"""What is computed once of a base matrix and read by every update of it: values, leading directions, where the spectrum is cut.

    q <= 1024               DirectFrame    SVD (q <= 256), else Gram matrix and eigh, in fp64
    larger, one pair        PartialFrame   all values from the Gram matrix, k directions by block Krylov
    larger, many updates    FullFrame      the SVD, kept by content; values of base + update to second order with a bound

k is a sixteenth of q, 64 at most. The spectrum is cut for the angle at the best gap in k/4..k, read from the base alone.

The angle of a large matrix is found by short passes on base and tuned from one start, the base's directions: what is left of
the errors is then alike and cancels. Passes go on until the last one has changed the angle by 5 % at most; that change is the
error stated, and more than the error (at 4096 x 4096 and relative size 8e-4: 323, 326.0, 326.2 microradians after one, two, three).
Trap: an iteration that has missed a direction has small residuals all the same. All values are at hand here, and they tell.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.difference import difference
from harness.spectra.frame import decompose
from harness.spectra.frame_store import FrameStore
from harness.spectra.gaps import gapped_k
from harness.spectra.gram_krylov import blur, gram_passes
from harness.spectra.gram_values import symmetric_gram, values_of_gram
from harness.spectra.krylov import PartialFrame, krylov_passes, refine
from harness.spectra.principal_angles import principal_angles
from harness.spectra.second_order import predicted_values
from harness.spectra.singular_values import gram_error

DIRECT_LIMIT, SVD_LIMIT = 1024, 256
SHARE, MOST = 1 / 16, 64
# Depth of a first pass (one is enough at 4096 wide with 128 spikes over noise), and what residuals may be of their values.
FIRST, RESIDUAL = 5, 1e-2
# Passes for an angle: how many at most, their depth, how many columns more than the cut, and what the last one may still change.
PASSES, DEPTH, MARGIN, SETTLED = 8, 2, 32, 0.05
MISSED = 1e-3


class Moved(NamedTuple):
    """Singular values before and after an update, (q,) fp64 each; a bound on |error of after - before|_2 (None: not known); the
    route that gave them."""

    before: Tensor
    after: Tensor
    bound: float | None
    route: str

    @property
    def shift(self) -> float:
        """|sigma(W0 + D) - sigma(W0)|_2."""
        return torch.linalg.vector_norm(self.after - self.before).item()


class Turned(NamedTuple):
    """The largest principal angle between the leading spaces of both sides at the cut, in [0, pi/2]; its error, see above."""

    angle: float
    bound: float
    route: str


class BaseFrame(ABC):
    """A base matrix (m, n), decomposed.

    Attributes:
        k: leading directions for energies and masks.
        values: (q,) fp64, largest first.
        lead: its k leading directions.
        cut, gap: where the angle is read, and sigma_cut / sigma_(cut + 1) there.
    """

    lead: PartialFrame

    def __init__(self, w0: Tensor) -> None:
        self.w0 = w0
        self.q = min(w0.shape)
        self.k = max(1, min(round(SHARE * self.q), MOST))

    @property
    @abstractmethod
    def values(self) -> Tensor:
        """See above."""

    @cached_property
    def cut(self) -> int:
        return min(gapped_k(self.values, max(1, self.k // 2)), max(self.k, 1)) if self.q > 1 else 1

    @property
    def gap(self) -> float | None:
        """None where the value after the cut is zero or missing."""
        after = self.values[self.cut].item() if self.cut < self.q else 0.0
        return self.values[self.cut - 1].item() / after if after else None

    @abstractmethod
    def moved(self, w1: Tensor) -> Moved:
        """Values before and after; w1 (m, n) as stored."""

    @abstractmethod
    def turned(self, w1: Tensor, rough: bool = False) -> Turned:
        """How far w1's leading space at the cut is from the base's.

        Args:
            w1: (m, n), any floating dtype.
            rough: one pass alone, good to some 5 %: for noise.
        """

    def _between(self, one: PartialFrame, other: PartialFrame) -> float:
        pairs = ((one.U, other.U), (one.V, other.V))
        return max(principal_angles(a[:, : self.cut], b[:, : self.cut])[-1].item() for a, b in pairs)


class DirectFrame(BaseFrame):
    """Everything in fp64; for up to 1024 on the smaller side."""

    def __init__(self, w0: Tensor) -> None:
        super().__init__(w0)
        self._values, self.lead = _direct(w0, self.k)
        self._last: tuple[Tensor, tuple[Tensor, PartialFrame]] | None = None

    @property
    def values(self) -> Tensor:
        return self._values

    def moved(self, w1: Tensor) -> Moved:
        after = self._of(w1)[0]
        bound = torch.linalg.vector_norm(gram_error(self.values, SVD_LIMIT) + gram_error(after, SVD_LIMIT)).item()
        return Moved(self.values, after, bound, "exact")

    def turned(self, w1: Tensor, rough: bool = False) -> Turned:
        return Turned(self._between(self.lead, self._of(w1)[1]), 0.0, "exact")

    def _of(self, w1: Tensor) -> tuple[Tensor, PartialFrame]:
        """One decomposition for values and angle."""
        if self._last is None or self._last[0] is not w1:
            self._last = (w1, _direct(w1, self.k))
        return self._last[1]


class Passes:
    """Frames of one matrix after one pass, two, and so on; each is computed when it is asked for, and kept."""

    def __init__(self, frames: Iterator[PartialFrame]) -> None:
        self._frames, self._known = frames, []

    def after(self, passes: int) -> PartialFrame:
        """The frame after so many passes, at least one."""
        while len(self._known) < passes:
            self._known.append(next(self._frames))
        return self._known[passes - 1]


class LargeFrame(BaseFrame):
    """Above 1024: the angle by short block Krylov passes on both sides, from the base's directions."""

    def turned(self, w1: Tensor, rough: bool = False) -> Turned:
        return self._settled(self._on_base, self._passes(w1), 1 if rough else PASSES)

    def _settled(self, base: Passes, other: Passes, limit: int) -> Turned:
        """Pass for pass on both sides until the angle stands."""
        angle = step = pi / 2
        for passes in range(1, limit + 1):
            before, angle = angle, self._between(base.after(passes), other.after(passes))
            step = abs(angle - before)
            if passes > 1 and step <= SETTLED * angle:
                break
        return Turned(angle, SETTLED * angle if limit == 1 else step, "krylov")

    @cached_property
    def _on_base(self) -> Passes:
        return self._passes(self.w0)

    def _passes(self, matrix: Tensor) -> Passes:
        start = self.lead.V[:, : self.cut]
        return Passes(krylov_passes(matrix, self.cut, self.cut + MARGIN, DEPTH, 0, start=start))


class KrylovFrame(LargeFrame):
    """All values from the Gram matrix, the leading directions by block Krylov on it; for one large pair.

    An angle is read from both Gram matrices where their rounding cannot matter, else from the matrices.

    Args:
        w0: (m, n), as stored.
        dtype: fp64 or fp32, of the Gram matrices.
        seed: of the Krylov start.

    Raises:
        MeasureError: the leading directions were not found.
    """

    def __init__(self, w0: Tensor, *, dtype: torch.dtype = torch.float64, seed: int = 0) -> None:
        super().__init__(w0)
        self.dtype = dtype
        self._gram = symmetric_gram(w0, dtype)
        self._values = values_of_gram(self._gram)
        self.lead = self._first(seed)
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def values(self) -> Tensor:
        return self._values

    def moved(self, w1: Tensor) -> Moved:
        self._last = None  # room for the next one
        self._last = (w1, symmetric_gram(w1, self.dtype))
        after = values_of_gram(self._last[1])
        if self.dtype != torch.float64:
            return Moved(self.values, after, None, "gram-fp32")
        return Moved(self.values, after, torch.linalg.vector_norm(gram_error(self.values) + gram_error(after)).item(), "gram-fp64")

    def turned(self, w1: Tensor, rough: bool = False) -> Turned:
        if self._last is None or self._last[0] is not w1:
            return super().turned(w1, rough)
        other, self._last = self._gram_passes(*self._last), None
        found = self._settled(self._on_gram, other, 1)
        if blur(self.values, self.cut, self.dtype) > SETTLED * found.angle:
            return super().turned(w1, rough)
        return found if rough else self._settled(self._on_gram, other, PASSES)

    def _first(self, seed: int) -> PartialFrame:
        true = self.values[: self.k]
        passes = gram_passes(self.w0, self._gram.float(), self.k, max(2 * self.k, self.k + 64), FIRST, seed)
        for found in islice(passes, PASSES):
            if (found.residuals <= RESIDUAL * found.S).all():
                break
        else:
            worst = (found.residuals / found.S).max().item()
            raise MeasureError(
                f"the {self.k} leading directions of a {' x '.join(map(str, self.w0.shape))} matrix were not found: a residual stays at "
                f"{worst:.1e} of its singular value, above {RESIDUAL:g}; ask for --frame full."
            )
        off = ((found.S - true).abs() / true.clamp(min=1e-300)).max().item()
        if off > MISSED:
            raise MeasureError(f"block Krylov missed a leading direction: its values are off by {off:.1e}; ask for --frame full.")
        return found

    @cached_property
    def _on_gram(self) -> Passes:
        return self._gram_passes(self.w0, self._gram)

    def _gram_passes(self, matrix: Tensor, gram: Tensor) -> Passes:
        small = self.lead.V if matrix.shape[0] >= matrix.shape[1] else self.lead.U
        return Passes(gram_passes(matrix, gram, self.cut, self.cut + MARGIN, DEPTH, 0, start=small[:, : self.cut]))


class FullFrame(LargeFrame):
    """The whole frame, remembered on disk if a store is given; for many updates of one large base.

    Args:
        w0: (m, n), as stored.
        tolerance: what the bound on the second-order values may be of the shift; above it the exact route is taken.
        store: keeps frames by content.
    """

    def __init__(self, w0: Tensor, *, tolerance: float = 0.05, store: FrameStore | None = None) -> None:
        super().__init__(w0)
        self.tolerance = tolerance
        self.frame = store.get(w0, lambda: decompose(w0)) if store else decompose(w0)
        u, s, v = self.frame
        self.lead = PartialFrame(u[:, : self.k], s[: self.k], v[:, : self.k], torch.zeros_like(s[: self.k]))

    @property
    def values(self) -> Tensor:
        return self.frame.S

    def moved(self, w1: Tensor) -> Moved:
        found = predicted_values(self.frame, difference(self.w0, w1), self.tolerance, base=self.w0)
        return Moved(self.values, found.values, found.norm_bound, "gram-fp64" if found.route == "exact" else found.route)


def base_frame(
    w0: Tensor,
    kind: str = "auto",
    *,
    dtype: torch.dtype = torch.float64,
    tolerance: float = 0.05,
    seed: int = 0,
    store: FrameStore | None = None,
) -> BaseFrame:
    """The frame that fits: see the table above.

    Args:
        w0: (m, n), any floating dtype, finite, on any device.
        kind: "auto" and "partial" iterate above 1024, "full" decomposes.
        dtype: of the Gram matrices of a partial frame.
        tolerance: of a full frame's second-order values, relative to the shift.
        seed: of random starts.
        store: keeps full frames.

    Raises:
        MeasureError: an unknown kind, or leading directions that were not found.
    """
    if kind not in ("auto", "partial", "full"):
        raise MeasureError(f"unknown frame {kind!r}: use 'auto', 'partial' or 'full'.")
    if min(w0.shape) <= DIRECT_LIMIT:
        return DirectFrame(w0)
    return FullFrame(w0, tolerance=tolerance, store=store) if kind == "full" else KrylovFrame(w0, dtype=dtype, seed=seed)


def _direct(matrix: Tensor, k: int) -> tuple[Tensor, PartialFrame]:
    """All values and the k leading directions, fp64."""
    if min(matrix.shape) <= SVD_LIMIT:
        u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
        return s, PartialFrame(u[:, :k], s[:k], vh[:k].T, torch.zeros_like(s[:k]))
    wide = matrix.double()
    gram = wide.T @ wide if wide.shape[0] > wide.shape[1] else wide @ wide.T
    squares, vectors = torch.linalg.eigh(gram)
    top = vectors[:, -k:].flip(1)
    values = squares.flip(0).clamp(min=0.0).sqrt()
    return values, refine(wide, wide @ top if wide.shape[0] > wide.shape[1] else top)
