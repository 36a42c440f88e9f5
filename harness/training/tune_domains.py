"""Choose the rate of the adapters whose mixtures are predicted, by training loss alone.

    python -m harness.training.tune_domains          # prints TUNED of adapter_arms_opmix.py

    loss(rate) = mean over the three domains and TUNING_SEEDS of the mean loss of the last LAST steps; inf where a run diverged

No mixture is trained for it, and nothing is cached but the base.
"""

import math

from harness import threads
from harness.training import adapter_arms_opmix as opmix
from harness.training import cache, recipes
from harness.training.cache import Request

SCALE = "tiny"


def tuning_loss(task: str, rate: float, seed: int) -> float:
    """Mean training loss at the end of one domain; inf if the run diverges."""
    threads.configure()
    from harness.training import adapted, sft
    from harness.training.loop import run_loop
    from harness.training.runs import Diverged
    from harness.training.train import with_weights

    recipe = opmix.domain(recipes.RECIPES["sft", SCALE], task, rate)
    model, tokenizer = with_weights(SCALE, seed, cache.ensure(Request(recipe.base, SCALE, seed)).weights())
    name = {"arm": recipe.arm, "seed": seed, "scale": SCALE}
    objective = sft.objective(model, tokenizer, recipe, seed)
    on = adapted.put_on(model, recipe, tokenizer, seed)
    try:
        log = run_loop(model, recipe, objective, name=name, snapshot=lambda step: None, adapted=on)
    except Diverged:
        return math.inf
    return math.fsum(row["loss"] for row in log[-opmix.LAST :]) / opmix.LAST


def tune() -> tuple[float, ...]:
    """Mean loss at each rate of the grid."""
    cases = [(task, seed) for task in opmix.DOMAINS for seed in opmix.TUNING_SEEDS]
    return tuple(math.fsum(tuning_loss(task, rate, seed) for task, seed in cases) / len(cases) for rate in opmix.GRID)


def main() -> None:
    """Print the table."""
    found = tune()
    shown = ", ".join(f"{value:.4f}" if math.isfinite(value) else f'float("{value}")' for value in found)
    print(f"({shown})  # {opmix.GRID[found.index(min(found))]:g}")


if __name__ == "__main__":
    main()
