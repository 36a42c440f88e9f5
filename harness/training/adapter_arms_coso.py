"""Two tasks learned in turn from a base that half knows both, as data: plainly, and off the subspace of the first. No torch.

    first_adamw, first_coso    sorting, from pretrain_three
    second_adamw               reversal, from first_adamw: plain training in turn
    second_coso                from first_coso, off the directions H that sorting spanned
    second_random              off as many random directions          second_free    off none: the same optimizer
    second_gradient            G (I - H H^T), then Adam: the projection outside the optimizer

All move the attention and MLP matrices alone (continual.py); steps, batches and problems are those of sft, so runs are paired.
CoSO's ranks are the shares of the width that it takes on DomainNet, of 64: r1 = 70 / 768, r2 = 160 / 768 (and r2 rows of
sketch), K = 20; energy .98. A method has one rate for both tasks: the one of GRID whose mean loss of the last LAST training
steps, over both tasks and TUNING_SEEDS, is the least (`python -m harness.training.tune_in_turn`, which prints TUNED).

Source: CoSO 2505.11816, sheet peft_merge 2.4 (settings second-hand).
Trap: CoSO has a rate in Adam's units, but a step of rank r1: at equal rates its steps are shorter.
"""

from dataclasses import replace

from harness.training.continual import Continual
from harness.training.methods import TUNING_SEEDS, Matrices
from harness.training.recipe import Recipe

__all__ = ["GRID", "LAST", "TUNED", "TUNING_SEEDS", "arms", "first", "rate", "second"]

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
LAST = 30
FIRST, SECOND = "sorting", "reversal"
ENERGY = 0.98
SETTINGS = {"adamw": (), "coso": (("rank", 6), ("refresh", 20), ("sketch", 13), ("sketch_rank", 13))}

TUNED: dict[str, tuple[float, ...]] = {
    "adamw": (0.1213, 0.0809, 0.0524, 0.0900, 0.4126),  # 0.001
    "coso": (0.2567, 0.2138, 0.1817, 0.2005, 0.3884),  # 0.001
}
"""Mean loss of the last training steps at each rate of the grid; inf where a run diverged."""


def rate(method: str) -> float:
    """The tuned rate of a method."""
    losses = TUNED[method]
    return GRID[losses.index(min(losses))]


def first(sft: Recipe, method: str, lr: float) -> Recipe:
    """The recipe of the first task at a rate; CoSO leaves the directions that it spanned."""
    leaves = ENERGY if method == "coso" else None
    return _task(sft, f"first_{method}", FIRST, method, lr, Continual(energy=leaves), "pretrain_three")


def second(sft: Recipe, method: str, lr: float, name: str | None = None, protects: str | None = None) -> Recipe:
    """The recipe of the second task at a rate; by default plain AdamW, or CoSO off the first's directions."""
    if name is None:
        name, protects = method, "history" if method == "coso" else None
    base = "first_adamw" if name == "adamw" else "first_coso"
    return _task(sft, f"second_{name}", SECOND, method, lr, Continual(protects), base)


def arms(sft: Recipe) -> tuple[Recipe, ...]:
    """Every arm: see the top of the file."""
    plain, coso = rate("adamw"), rate("coso")
    return (
        first(sft, "adamw", plain),
        first(sft, "coso", coso),
        second(sft, "adamw", plain),
        second(sft, "coso", coso),
        second(sft, "coso", coso, "random", "random"),
        second(sft, "coso", coso, "free", None),
        second(sft, "adamw", plain, "gradient", "history"),
    )


def _task(sft: Recipe, arm: str, task: str, method: str, lr: float, continual: Continual, base: str) -> Recipe:
    matrices = Matrices(method, lr, SETTINGS[method])
    return replace(
        sft, arm=arm, task=task, sizes=(), base=base, lr=lr, matrices=matrices, continual=continual, snapshots=4,
        cost_s=9 if method == "coso" else 5,
    )  # fmt: skip
