"""How an update grew over the checkpoints of one run: a line a step, then the screen of the last one."""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from harness.report.diff_rows import Row, by_name, middle, sizes
from harness.report.diff_summary import WIDTH, body, head, screen, short
from harness.report.diff_verdict import word
from harness.report.tabular import aligned

if TYPE_CHECKING:
    from harness.engine.diff import Diffed

COLUMNS = (
    ("relative norm", "relative_norm", ".2e"),
    ("bf16 density", "bf16_density", ".3f"),
    ("NSS", "nss", ".2e"),
    ("kappa", "kappa", ".3g"),
    ("angle", "angle", ".3g"),
    ("enrichment", "enrichment_uv", ".3g"),
    ("stable rank", "stable_rank", ".3g"),
)


def trajectory_summary(rows: Sequence[Row], about: "Diffed | None" = None, *, width: int = WIDTH) -> str:
    """The table of all steps, medians over matrices, and the last step as `summary` shows it.

    A verdict that needs noise to compare with is "-" at a step without null draws.
    """
    steps = sorted({int(row["step"]) for row in rows})
    by_step = {step: [row for row in rows if row["step"] == step] for step in steps}
    cells = [("step", *(label for label, _, _ in COLUMNS), "verdict"), *(_line(step, found) for step, found in by_step.items())]
    table = aligned(cells, right=[True] * (len(COLUMNS) + 1) + [False]).splitlines()
    last = by_step[steps[-1]]
    lines = [f"{short(rows[0]['base'])} -> {len(steps)} steps, {steps[0]} to {steps[-1]}; medians over matrices", ""]
    lines += [f"  {line}" for line in table]
    if any(row[-1] == "-" for row in cells):
        lines.append("  verdicts marked - need null draws, which only the last step has: --draws 3 draws at every step")
    lines += [f"  {trouble}" for trouble in (about.troubles if about else ())]
    return screen([*lines, "", f"Step {steps[-1]}: {head(last, about)[0]}", *head(last, about)[1:], *body(last, about, width)], width)


def _line(step: int, rows: Sequence[Row]) -> tuple[str, ...]:
    matrices = by_name(rows)
    moved = sizes(matrices)
    size = median(moved) if moved else middle(matrices, "relative_norm")
    found = [size if metric == "relative_norm" else middle(matrices, metric) for _, metric, _ in COLUMNS]
    texts = ("" if value is None else format(value, form) for value, (_, _, form) in zip(found, COLUMNS, strict=True))
    return (str(step), *texts, word(rows))
