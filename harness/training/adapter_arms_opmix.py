"""Adapters of single domains, and mixtures of the domains really trained, as data. No torch.

    domain_<task>           LoRA on one domain, its A drawn by the run's seed: the three share it
    domain_<task>_apart     the same with an A of its own
    mixed_<abc>             LoRA on a quarters of addition, b of sorting, c of reversal, a + b + c = 4: 15 points of the simplex

All start from pretrain_three, which knows two conventions of each domain, and imitate right answers. A mixture's loss is
sum_i w_i L_i, and w_i of its sequences are of domain i. Its problems come from another stream than the domains', and its A from
another seed: nothing but the base is shared with what predicts it, not even at a corner of the simplex.

Rank 4, alpha 8 and 100 steps are the sheet's; the rate, one for all, is that of GRID with the least mean loss of the last LAST
training steps of the three domains, on seed 100 (`python -m harness.training.tune_domains`, which prints TUNED).

Source: OP-Mix 2605.15220, sheet peft_merge 2.3.
"""

from dataclasses import replace
from itertools import product

from harness.models.adapters import Adaptation
from harness.training.recipe import Part, Recipe

__all__ = ["DOMAINS", "GRID", "LAST", "MIXTURES", "QUARTERS", "TUNED", "TUNING_SEEDS", "arms", "domain", "mixture", "rate"]

DOMAINS = ("addition", "sorting", "reversal")
QUARTERS = 4
MIXTURES = tuple(w for w in product(range(QUARTERS, -1, -1), repeat=len(DOMAINS)) if sum(w) == QUARTERS)
"""Quarters of each domain, in the order of DOMAINS."""

GRID = (3e-4, 1e-3, 3e-3, 1e-2)
LAST, TUNING_SEEDS = 30, (100,)
RANK, ALPHA, STEPS = 4, 8.0, 100
MIXED_SEED, APART_SEEDS = 1_000_003, (1_000_004, 1_000_005, 1_000_006)

TUNED: tuple[float, ...] = (0.1861, 0.1398, 0.1130, 0.1647)  # 0.003
"""Mean loss of the last training steps at each rate of the grid; inf where a run diverged."""


def rate() -> float:
    """The tuned rate of every arm here."""
    return GRID[TUNED.index(min(TUNED))]


def domain(sft: Recipe, task: str, lr: float, seed: int | None = None) -> Recipe:
    """The recipe of one domain at a rate; with a seed, its A is drawn by that."""
    sizes = sft.sizes if task == sft.task else ()
    name = f"domain_{task}" if seed is None else f"domain_{task}_apart"
    adapter = Adaptation("lora", RANK, ALPHA, seed=seed)
    return replace(
        sft, arm=name, task=task, sizes=sizes, base="pretrain_three", adapter=adapter, lr=lr, steps=STEPS, snapshots=2, cost_s=5
    )


def mixture(sft: Recipe, quarters: tuple[int, ...], lr: float) -> Recipe:
    """The recipe of a mixture at a rate."""
    parts = tuple(
        Part(task, share / QUARTERS, sft.sizes if task == sft.task else ())
        for task, share in zip(DOMAINS, quarters, strict=True)
        if share
    )
    of = domain(sft, parts[0].task, lr, MIXED_SEED)
    return replace(of, arm="mixed_" + "".join(map(str, quarters)), mix=parts, data_seed_offset=1)


def arms(sft: Recipe) -> tuple[Recipe, ...]:
    """Every arm: see the top of the file.

    Args:
        sft: supervised learning of addition.
    """
    alone = [domain(sft, task, rate()) for task in DOMAINS]
    apart = [domain(sft, task, rate(), seed) for task, seed in zip(DOMAINS, APART_SEEDS, strict=True)]
    return (*alone, *apart, *(mixture(sft, quarters, rate()) for quarters in MIXTURES))
