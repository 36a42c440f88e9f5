"""What an update did to one matrix: rows of the table `matrices`, each with what noise of the same norm gives.

    norms        norm, relative_norm
    storage      bf16_density (a step of bf16 hides the rest), ulp_median of what moved, row_stripes, column_stripes
    spectrum     nss, kappa (chance 1), rho (chance 1 / sqrt(max(m, n)))
    frames       angle at the gapped k, beside angle_rounding, what bf16 rounding of the base alone turns
    energy       enrichment_uv, _u, _v over chance (chance 1); enrichment_haar: the same under random frames of D's own spectrum
    masks        overlap_principal, overlap_low of the bf16 mask (chance alpha)
    ranks        stable_rank, energy_rank of D; base_stable_rank of W0

Where both checkpoints are stored in 16 bits the null is noise that went through the same rounding: what such a pair shows of any
update has been rounded, and rounding alone looks off-principal.
"""

import time
from collections.abc import Callable, Iterator
from statistics import fmean, stdev

import torch
from torch import Tensor

from harness import nulls, spectra
from harness.errors import MeasureError
from harness.spectra import Change

METRIC_VERSION = 1
ALPHA, FRACTION = 0.3, 1 / 16
KEY = "w"
SIXTEEN = {torch.bfloat16: "bf16", torch.float16: "fp16"}

Measure = Callable[[Change], float]


def measures() -> dict[str, Measure]:
    """Metric -> a number of a change of one matrix; all are also measured on the null's draws."""

    def one(measure: Callable, **given) -> Measure:
        return lambda change: measure(change, **given)[KEY]

    def enrichment(share: Callable, sides: int) -> Measure:
        def over_chance(change: Change) -> float:
            rows, cols = change.base[KEY].shape
            k = max(1, round(FRACTION * min(rows, cols)))
            chance = {2: k * k / (rows * cols), 0: k / rows, 1: k / cols}[sides]
            return share(change, k=k)[KEY] / chance

        return over_chance

    return {
        "bf16_density": one(spectra.change_density),
        "ulp_median": one(spectra.ulp_distance, moved_only=True),
        "row_stripes": one(spectra.gated_stripe_score, axis="rows"),
        "column_stripes": one(spectra.gated_stripe_score, axis="columns"),
        "nss": one(spectra.normalized_spectral_shift),
        "kappa": one(spectra.kappa),
        "rho": one(spectra.spectral_drift_ratio),
        "angle": lambda change: spectra.rotation(change, fraction=FRACTION).angle[KEY],
        "enrichment_uv": enrichment(spectra.rho2_uv, 2),
        "enrichment_u": enrichment(spectra.rho2_u, 0),
        "enrichment_v": enrichment(spectra.rho2_v, 1),
        "overlap_principal": one(spectra.mask_overlap, which="principal", alpha=ALPHA),
        "overlap_low": one(spectra.mask_overlap, which="low", alpha=ALPHA),
        "stable_rank": one(spectra.stable_rank),
        "energy_rank": one(spectra.energy_rank),
    }


def matrix_rows(w0: Tensor, w1: Tensor, *, draws: int = 3, seed: int = 0) -> Iterator[dict]:
    """Rows of one matrix, without the columns that say whose it is.

    Args:
        w0, w1: (m, n) as stored, any floating dtype, on the CPU.
        draws: of the null; 0 leaves the null out.
        seed: of the draws.

    Yields:
        A row per metric. What is not finite or not defined on this matrix is a row without value that says why.
    """
    stored = SIXTEEN.get(w0.dtype) if w0.dtype == w1.dtype else None
    rounding = explained_by_rounding(w0, w1)
    yield dict(metric="equal", value=float(torch.equal(w0, w1)), status="ok")
    yield dict(metric="rounding", value=float(rounding), status="ok", detail="either side is the other one, rounded to its format")
    try:
        change = Change.from_weights({KEY: w0.float()}, {KEY: w1.float()})
    except MeasureError as error:
        yield dict(metric="norm", value=None, status="nonfinite", detail=str(error))
        return
    yield dict(metric="norm", value=change.norm()[KEY], status="ok")
    base_norm = torch.linalg.vector_norm(w0.double()).item()
    if base_norm == 0.0 or change.norm()[KEY] == 0.0:
        undefined = dict(value=None, status="undefined", detail="the base is zero")
        unmoved = dict(value=0.0, status="ok", detail="the update is zero")
        yield dict(metric="relative_norm") | (undefined if base_norm == 0.0 else unmoved)
        return
    yield dict(metric="relative_norm", value=change.relative_norm()[KEY], status="ok")
    yield from _compared(change, stored, draws, seed)


def _compared(change: Change, stored: str | None, draws: int, seed: int) -> Iterator[dict]:
    generator = torch.Generator().manual_seed(seed)
    name = "gated_isotropic" if stored else "isotropic"
    noises = [_noise(change, stored, generator) for _ in range(draws)]
    where = spectra.rotation(change, fraction=FRACTION)
    rows, cols = change.base[KEY].shape
    chance = {"kappa": 1.0, "rho": max(rows, cols) ** -0.5, "overlap_principal": ALPHA, "overlap_low": ALPHA}
    chance |= dict.fromkeys(("enrichment_uv", "enrichment_u", "enrichment_v", "row_stripes", "column_stripes"), 1.0)
    for metric, measure in measures().items():
        started = time.perf_counter()
        row = {"metric": metric, "chance": chance.get(metric), "metric_version": METRIC_VERSION, "route": "exact"}
        if metric == "angle":
            row |= {"k": int(where.k[KEY]), "gap": where.gap[KEY] if where.gap[KEY] != float("inf") else None}
        row |= _value(measure, change)
        if row["status"] == "ok" and noises:
            row |= _over(measure, noises, name)
        yield row | {"duration_s": time.perf_counter() - started}
    floor = spectra.rotation_floor(change, generator, fraction=FRACTION)
    yield {"metric": "angle_rounding", "value": floor.angle[KEY], "status": "ok", "route": "exact"}
    enrichment = measures()["enrichment_uv"]
    if noises:
        drawn = [nulls.haar(change, generator) for _ in range(draws)]
        yield {"metric": "enrichment_haar", "chance": 1.0} | _value(enrichment, change) | _over(enrichment, drawn, "haar")
    still = Change(change.base, {KEY: change.base[KEY].double()}, label="the base itself")
    yield {"metric": "base_stable_rank"} | _value(lambda each: spectra.stable_rank(each)[KEY], still)


def _noise(change: Change, stored: str | None, generator: torch.Generator) -> Change:
    return nulls.apply("gated_isotropic", change, generator, dtype=stored) if stored else nulls.isotropic(change, generator)


def _value(measure: Measure, change: Change) -> dict:
    try:
        value = measure(change)
    except MeasureError as error:
        return {"value": None, "status": "undefined", "detail": str(error)}
    finite = value == value and abs(value) != float("inf")
    return {"value": value if finite else None, "status": "ok" if finite else "nonfinite"}


def _over(measure: Measure, drawn: list[Change], name: str) -> dict:
    found = [row["value"] for row in (_value(measure, each) for each in drawn) if row["value"] is not None]
    if not found:
        return {"null_name": name, "null_draws": 0}
    spread = stdev(found) if len(found) > 1 else None
    return {"null_name": name, "null_mean": fmean(found), "null_sd": spread, "null_draws": len(found)}


def explained_by_rounding(w0: Tensor, w1: Tensor) -> bool:
    """Whether one side is the other rounded to its own format, entry for entry: no training is needed to explain that."""
    if w0.dtype == w1.dtype:
        through = (w0.float().bfloat16().float(), w1.float())
        return torch.equal(*through) or torch.equal(w1.float().bfloat16().float(), w0.float())
    return torch.equal(w0.to(w1.dtype), w1) or torch.equal(w1.to(w0.dtype), w0)
