"""What a diff that measured only some matrices, or drew noise only for some, says about all of them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from harness.models.sample import strata
from harness.report.diff_rows import ByName, number
from harness.report.stratified_mean import Estimate, geometric, stratified_mean

if TYPE_CHECKING:
    from harness.engine.diff import Diffed

# Densities are averaged; the others differ by factors from matrix to matrix: geometric means.
HEADLINES = (
    ("relative_norm", "relative norm", geometric),
    ("bf16_density", "bf16 density", stratified_mean),
    ("nss", "NSS", geometric),
    ("kappa", "kappa", geometric),
    ("angle", "angle", geometric),
    ("enrichment_uv", "enrichment", geometric),
    ("stable_rank", "stable rank", geometric),
)


def sample_lines(matrices: ByName, about: "Diffed") -> Iterator[str]:
    """How much was measured, intervals over all matrices where that was not all of them, and on how many noise was drawn."""
    total = len(about.entries)
    if len(matrices) < total:
        within = f", in {spoken(about.seconds)}" if about.budget else ""
        yield f"  a sample: {len(matrices)} of {total} matrices, stratified by module{within}"
        found = [(label, _estimate(matrices, about, metric, how)) for metric, label, how in HEADLINES]
        texts = [f"{label} {_text(estimate)}" for label, estimate in found if estimate is not None]
        if texts:
            yield f"  over all {total}, geometric means (of densities the mean) and 95 % intervals: {'; '.join(texts)}"
    drawn = {name for name, each in matrices.items() if any(row.get("null_draws") for row in each.values())}
    if drawn and len(about.drawn) < total:
        a_module = max(sum(entry.name in about.drawn for entry in members) for members in strata(about.entries).values())
        yield f"  null draws on {len(drawn)} of {total} matrices ({a_module} a module)"


def spoken(seconds: float) -> str:
    """A duration for a reader: 45 s, 10 min, 1.7 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _estimate(matrices: ByName, about: "Diffed", metric: str, how: Callable[..., Estimate | None]) -> Estimate | None:
    """None where no value, or none on a log scale, is there."""
    groups = strata(about.entries)
    found = {name: [number(matrices.get(entry.name, {}), metric) for entry in members] for name, members in groups.items()}
    sampled = {name: [value for value in values if value is not None] for name, values in found.items()}
    return how(sampled, {name: len(members) for name, members in groups.items()})


def _text(found: Estimate) -> str:
    if found.low is None:
        return f"{found.value:.3g} [no interval: one matrix a module]"
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
