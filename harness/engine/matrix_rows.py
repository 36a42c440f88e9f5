"""What updates did to one matrix: rows of the table `matrices`, each with what noise of the same norm gives.

    size         norm, relative_norm; base_norm, tuned_norm
    storage      bf16_density; of the changed entries, the share ulp_1, ulp_2, ulp_4, ulp_8, ulp_more that moved by 1, 2, 3-4, 5-8,
                 more steps of bf16, and ulp_median; row_stripes, column_stripes (chance 1)
    spectrum     nss, kappa (chance 1), rho (chance 1 / sqrt(max(m, n)))
    frames       angle at the gapped k, beside angle_rounding, what bf16 rounding of the base alone turns
    energy       enrichment_uv, _u, _v over chance (chance 1); enrichment_haar: the null is D in random frames, which is D's
                 spectrum in the base's frames
    masks        overlap_principal, overlap_low of the bf16 mask (chance: the mask's share of the entries)
    ranks        stable_rank, entropy_rank, energy_rank of D; base_stable_rank and the like of W0

The base is decomposed once, whatever the number of updates read against it. Nothing holds a matrix in fp64: a pair of 4096 x 11008
in bf16 takes 180 MB, its difference in fp32 as much, and the rest passes through in chunks.

Where both checkpoints are stored in 16 bits the null is noise that went through the same rounding: what such a pair shows of any
update has been rounded, and rounding alone looks off-principal. Its norm is matched after rounding, as the update's was read.

`values="both"` reads the singular values in fp64 and in fp32, and adds the row fp32_error: by how much, relative, the shift of the
fp32 route is off. That is measured on a sample, so that the others may take the route that costs half.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.nulls.haar import haar_frame
from harness.nulls.stored_noise import noise_added, norm_before_rounding
from harness.spectra.base_frame import DIRECT_LIMIT, BaseFrame, KrylovFrame, base_frame
from harness.spectra.base_masks import RowMask, low_rows, principal_rows
from harness.spectra.block_energy import energy_shares
from harness.spectra.difference import difference
from harness.spectra.difference import norm as norm_of
from harness.spectra.effective_rank import energy_rank_of, entropy_rank_of, stable_rank_of
from harness.spectra.frame_store import FrameStore
from harness.spectra.gram_values import gram_values
from harness.spectra.precision import rounding_norm
from harness.spectra.products import rows_of
from harness.spectra.spectral_density import SpectralDensity
from harness.spectra.stored_change import MOST, stored_change

METRIC_VERSION = 2
ALPHA = 0.3
STORED = {torch.bfloat16: "bf16", torch.float16: "fp16"}
HISTOGRAM = {"ulp_1": (1, 1), "ulp_2": (2, 2), "ulp_4": (3, 4), "ulp_8": (5, 8), "ulp_more": (9, MOST)}


class Cell(NamedTuple):
    """A number and how it was found; value None where there is none, with a detail that says why."""

    value: float | None
    chance: float | None = None
    route: str = "exact"
    bound: float | None = None
    k: int | None = None
    gap: float | None = None
    detail: str | None = None


Cells = dict[str, Cell]


class Read(NamedTuple):
    """Cells by metric, seconds of each group of metrics under its first, enrichment of D in random frames."""

    cells: Cells
    seconds: dict[str, float]
    turned: list[float]


class MatrixReader:
    """One base matrix, against which updates are read.

    Args:
        w0: (m, n) as stored, any floating dtype.
        seed: of every draw and random start.
        frame: "auto", "partial" or "full"; see `harness.spectra.base_frame`.
        tolerance: of second-order values, relative to the shift.
        device: where to compute.
        frames: keeps full frames.
        values: "fp64", "fp32", or "both"; of matrices above 1024 on the smaller side, the others are always read in fp64.
    """

    def __init__(
        self,
        w0: Tensor,
        *,
        seed: int = 0,
        frame: str = "auto",
        tolerance: float = 0.05,
        device: str = "cpu",
        frames: FrameStore | None = None,
        values: str = "fp64",
    ) -> None:
        self.w0 = w0.to(device)
        self.seed, self.values = seed, values
        self._given = dict(kind=frame, tolerance=tolerance, store=frames, seed=seed)
        self.norm = norm_of(self.w0)

    def rows(self, w1: Tensor, *, draws: int = 3) -> Iterator[dict]:
        """Rows of one update, without the columns that say whose it is.

        Args:
            w1: (m, n) as stored.
            draws: of the null; 0 leaves the null out.

        Yields:
            A row per metric. What is not finite or not defined on this matrix is a row without value that says why.
        """
        w1 = w1.to(self.w0.device)
        yield _row("equal", Cell(float(torch.equal(self.w0, w1))))
        rounded = explained_by_rounding(self.w0, w1)
        yield _row("rounding", Cell(float(rounded), detail="either side is the other one, rounded to its format"))
        if bad := _not_finite(self.w0, w1):
            yield _row("norm", Cell(None, detail=bad)) | {"status": "nonfinite"}
            return
        norm = norm_of(difference(self.w0, w1))
        yield from (_row(name, Cell(value)) for name, value in (("norm", norm), ("base_norm", self.norm), ("tuned_norm", norm_of(w1))))
        if self.norm == 0.0 or norm == 0.0:
            undefined = self.norm == 0.0
            yield _row("relative_norm", Cell(None if undefined else 0.0, detail="the base is zero" if undefined else "the update is zero"))
            return
        yield _row("relative_norm", Cell(norm / self.norm))
        try:
            _ = self.base
        except MeasureError as error:
            yield _row("angle", Cell(None, detail=str(error))) | {"status": "refused"}
            return
        yield from self._compared(w1, norm, draws)

    @cached_property
    def base(self) -> BaseFrame:
        """The frame of the base; MeasureError where it could not be found."""
        dtype = torch.float32 if self.values == "fp32" else torch.float64
        return base_frame(self.w0, dtype=dtype, **self._given)

    def _compared(self, w1: Tensor, norm: float, draws: int) -> Iterator[dict]:
        generator = torch.Generator().manual_seed(self.seed)
        stored = STORED.get(self.w0.dtype) if self.w0.dtype == w1.dtype else None
        name = "rounded_isotropic" if stored else "isotropic"
        frames = [self._random_frame(generator) for _ in range(draws)]
        cells, seconds, turned = self._read(w1, norm, frames)
        kind = w1.dtype if stored else torch.float32
        size = norm_before_rounding(self.w0, norm, kind, generator) if stored and draws else norm
        noises = [self._noise(size, kind, generator) for _ in range(draws)]
        for metric, cell in cells.items():
            drawn = [noise[metric].value for noise in noises if metric in noise and noise[metric].value is not None]
            null = _null(name, drawn) if noises and cell.value is not None else {}
            yield _row(metric, cell) | null | {"duration_s": seconds.get(metric)}
        if turned:
            yield _row("enrichment_haar", cells["enrichment_uv"]) | _null("haar", turned)
        yield from self._ranks_of_base
        if draws or self.base.q <= DIRECT_LIMIT:
            yield self._rounding

    def _random_frame(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return tuple(haar_frame(size, self.base.k, generator).float().to(self.w0.device) for size in self.w0.shape)

    def _noise(self, norm: float, dtype: torch.dtype, generator: torch.Generator) -> Cells:
        noisy = noise_added(self.w0, norm, dtype, generator)
        size = norm_of(difference(self.w0, noisy))
        return self._read(noisy, size, rough=True)[0] if size else {}

    def _read(self, w1: Tensor, norm: float, frames: Sequence[tuple[Tensor, Tensor]] = (), rough: bool = False) -> Read:
        """Every metric that an update and its noise have in common; the difference is held for the first two groups alone."""
        cells: Cells = {}
        seconds: dict[str, float] = {}
        update = difference(self.w0, w1)

        def measured(group: Callable[[], Cells]) -> None:
            started = time.perf_counter()
            found = group()
            seconds[next(iter(found))] = time.perf_counter() - started
            cells.update(found)

        measured(lambda: self._energies(update, norm))
        measured(lambda: self._ranks(update))
        m, n = update.shape
        # Haar frames about D give the law of D's singular values in Haar frames about the base's.
        turned = [energy_shares(update, *frame, norm)[0] * m * n / self.base.k**2 for frame in frames]
        del update
        measured(lambda: self._storage(w1, norm))
        measured(lambda: self._spectrum(w1, norm))
        measured(lambda: self._frames(w1, rough))
        if not rough and self.values == "both" and isinstance(self.base, KrylovFrame):
            measured(lambda: {"fp32_error": self._fp32_error(w1, cells["nss"].value)})
        return Read(cells, seconds, turned)

    def _energies(self, update: Tensor, norm: float) -> Cells:
        lead, k = self.base.lead, self.base.k
        shares = energy_shares(update, lead.U, lead.V, norm)
        m, n = update.shape
        chances = (k * k / (m * n), k / m, k / n)
        names = ("enrichment_uv", "enrichment_u", "enrichment_v")
        return {name: Cell(share / chance, 1.0, k=k) for name, share, chance in zip(names, shares, chances, strict=True)}

    def _ranks(self, update: Tensor) -> Cells:
        if self.base.q <= DIRECT_LIMIT:
            values = gram_values(update)
            return {name: Cell(rank(values)) for name, rank in RANKS.items()}
        density = SpectralDensity.of(update, self.seed)
        found = {name: getattr(density, name)() for name in RANKS}
        return {name: Cell(each.value, route="lanczos", bound=each.error) for name, each in found.items()}

    def _storage(self, w1: Tensor, norm: float) -> Cells:
        seen = stored_change(self.w0, w1, norm / sqrt(self.w0.numel()), [mask.of for mask in self._masks])
        found = {"bf16_density": _defined(lambda: seen.density)}
        found |= {name: _defined(lambda ends=ends: seen.share_moved(*ends)) for name, ends in HISTOGRAM.items()}
        found["ulp_median"] = _defined(seen.median_steps)
        for name, axis in (("row_stripes", "rows"), ("column_stripes", "columns")):
            found[name] = _defined(lambda axis=axis: seen.stripe_score(axis))._replace(chance=1.0)
        for at, name in enumerate(("overlap_principal", "overlap_low")):
            found[name] = _defined(lambda at=at: seen.overlap(at))._replace(chance=self._masks[at].share, k=self.base.k)
        return found

    def _spectrum(self, w1: Tensor, norm: float) -> Cells:
        moved = self.base.moved(w1)
        size = torch.linalg.vector_norm(moved.before).item()
        wide = max(self.w0.shape)
        how = {"route": moved.route}
        off = moved.bound
        rho = moved.shift / norm
        return {
            "nss": Cell(moved.shift / size, bound=None if off is None else off / size, **how),
            "rho": Cell(rho, wide**-0.5, bound=None if off is None else off / norm, **how),
            "kappa": Cell(wide * rho**2, 1.0, bound=None if off is None else wide * (2 * rho + off / norm) * off / norm, **how),
        }

    def _frames(self, w1: Tensor, rough: bool) -> Cells:
        turned = self.base.turned(w1, rough)
        return {"angle": Cell(turned.angle, None, turned.route, turned.bound, self.base.cut, self.base.gap)}

    def _fp32_error(self, w1: Tensor, nss: float | None) -> Cell:
        before, after = (gram_values(each, torch.float32) for each in (self.w0, w1))
        rough = (torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before)).item()
        return Cell(abs(rough / nss - 1) if nss else None, route="gram-fp32", detail=None if nss else "no shift to be off from")

    @cached_property
    def _ranks_of_base(self) -> list[dict]:
        return [_row(f"base_{name}", Cell(rank(self.base.values))) for name, rank in RANKS.items()]

    @cached_property
    def _rounding(self) -> dict:
        """What bf16 rounding of the base alone turns; one draw of noise, so of large matrices only where others are drawn."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        noisy = noise_added(self.w0, rounding_norm(self.w0), torch.float32, generator)
        turned = self.base.turned(noisy, rough=True)
        return _row("angle_rounding", Cell(turned.angle, None, turned.route, turned.bound, self.base.cut, self.base.gap))

    @cached_property
    def _masks(self) -> tuple[RowMask, RowMask]:
        return principal_rows(self.w0, self.base.lead, ALPHA, self.seed), low_rows(self.w0, ALPHA, self.seed)


RANKS = {"stable_rank": stable_rank_of, "entropy_rank": entropy_rank_of, "energy_rank": lambda s: float(energy_rank_of(s))}


def matrix_rows(w0: Tensor, w1: Tensor, *, draws: int = 3, seed: int = 0, **reader: object) -> Iterator[dict]:
    """Rows of a single pair; see MatrixReader."""
    yield from MatrixReader(w0, seed=seed, **reader).rows(w1, draws=draws)


def explained_by_rounding(w0: Tensor, w1: Tensor) -> bool:
    """Whether one side is the other rounded to its own format, entry for entry: no training is needed to explain that."""
    parts = list(zip(w0.split(rows_of(w0)), w1.split(rows_of(w0)), strict=True))
    if w0.dtype != w1.dtype:
        return all(torch.equal(a.to(b.dtype), b) for a, b in parts) or all(torch.equal(b.to(a.dtype), a) for a, b in parts)

    def coarser(which: int) -> bool:
        return all(torch.equal(pair[1 - which].float().bfloat16().float(), pair[which].float()) for pair in parts)

    return coarser(0) or coarser(1)


def _defined(measure: Callable[[], float]) -> Cell:
    try:
        return Cell(measure())
    except MeasureError as error:
        return Cell(None, detail=str(error))


def _row(metric: str, cell: Cell) -> dict:
    finite = cell.value is not None and abs(cell.value) < float("inf")
    status = "ok" if finite else "undefined" if cell.value is None else "nonfinite"
    row = {"metric": metric, **cell._asdict(), "value": cell.value if finite else None, "status": status, "metric_version": METRIC_VERSION}
    return {key: value for key, value in row.items() if value is not None or key == "value"}


def _null(name: str, drawn: list[float]) -> dict:
    if not drawn:
        return {"null_name": name, "null_draws": 0}
    spread = stdev(drawn) if len(drawn) > 1 else None
    return {"null_name": name, "null_mean": fmean(drawn), "null_sd": spread, "null_draws": len(drawn)}


def _not_finite(w0: Tensor, w1: Tensor) -> str | None:
    for side, matrix in (("base", w0), ("tuned", w1)):
        bad = matrix.numel() - sum(int(torch.count_nonzero(part.isfinite())) for part in matrix.split(rows_of(matrix)))
        if bad:
            return f"{bad} entries of the {side} are not finite: the run diverged or the file is damaged"
    return None
