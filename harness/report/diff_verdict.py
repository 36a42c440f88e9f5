"""The verdict of a diff: one sentence on what explains the difference, from the rows of one checkpoint.

What needs no noise to compare with comes first: EQUAL, DAMAGED, ROUNDING, STRANGER. Then the energy between the leading directions
of the base beside its null's: PRINCIPAL, OFF-PRINCIPAL; else another structure that noise has not: STRUCTURED; else RANDOM. UNKNOWN
says that there is nothing to compare with. All matrices are read together, see `diff_rows`.
"""

from collections.abc import Sequence
from statistics import median

from harness.report.diff_rows import Row, by_name, number, sizes, together

STRANGER = 0.5
"""Relative norm from which two models share no more than their shapes: fine-tunes stay far below, independent models are near 1.4."""


def verdict(rows: Sequence[Row]) -> str:
    """One sentence that begins with the verdict's word."""
    matrices = by_name(rows)
    total = len(matrices)
    if sum(number(each, "equal") == 1.0 for each in matrices.values()) == total:
        return "EQUAL: both sides hold the same weights"
    if any(each.get("norm", {}).get("status") == "nonfinite" for each in matrices.values()):
        return "DAMAGED: some weights are not finite; the rows say which"
    if sum(number(each, "rounding") == 1.0 for each in matrices.values()) == total:
        return "ROUNDING: each side is the other one in another number format; nothing was trained"
    moved = sizes(matrices)
    if moved and (size := median(moved)) > STRANGER:
        return f"STRANGER: the difference is {size:.2f} of the base's norm; these are two models, not a fine-tune (or two layouts)"
    energy = together(matrices, "enrichment_uv")
    if energy is None:
        return "UNKNOWN: no matrix has two draws of noise to be compared with; ask for --draws 3"
    told = f"{energy.ratio:.2f} times the energy that noise has between leading directions (z {energy.z:z.0f}, {energy.n} matrices)"
    if energy.is_beyond and energy.ratio > 1:
        own = together(matrices, "enrichment_haar")
        frames = "more than random frames of its own spectrum" if own and own.is_beyond else "random frames of its own spectrum have as much"
        return f"PRINCIPAL: {told}; {frames}"
    if energy.is_beyond:
        return f"OFF-PRINCIPAL: {told}"
    for metric in ("stable_rank", "kappa", "enrichment_u", "enrichment_v"):
        found = together(matrices, metric)
        if found and found.is_beyond:
            return f"STRUCTURED: {metric} is {found.ratio:.2f} times noise's (z {found.z:z.0f}); principal energy is as noise has it"
    return f"RANDOM: noise of the same norm reads the same; {told}"


def word(rows: Sequence[Row]) -> str:
    """The verdict's word alone; UNKNOWN is "-", as in a step without null draws."""
    found = verdict(rows).partition(":")[0]
    return "-" if found == "UNKNOWN" else found
