"""Choose the rate of each method that learns two tasks in turn, on one grid, by training loss alone.

    python -m harness.training.tune_in_turn          # prints TUNED of adapter_arms_coso.py
    python -m harness.training.tune_in_turn coso     # one method

    loss(method, rate) = mean over both tasks and TUNING_SEEDS of the mean loss of the last LAST steps; inf where a run diverged

Nothing is cached but the base: the second task starts from the first as it was trained a moment ago.
"""

import argparse
import math
from collections.abc import Iterable

from harness import threads
from harness.training import adapter_arms_coso as coso
from harness.training import cache, recipes
from harness.training.cache import Request

SCALE = "tiny"


def tuning_loss(method: str, rate: float, seed: int) -> float:
    """Mean training loss at the end of two tasks in turn; inf if a run diverges."""
    threads.configure()
    from harness.training import protected, sft
    from harness.training.loop import run_loop
    from harness.training.runs import Diverged
    from harness.training.train import with_weights

    of = recipes.RECIPES["sft", SCALE]
    weights, held, losses = cache.ensure(Request("pretrain_three", SCALE, seed)).weights(), None, []
    for recipe in (coso.first(of, method, rate), coso.second(of, method, rate)):
        model, tokenizer = with_weights(SCALE, seed, weights)
        task, left = recipe.continual, []
        try:
            log = run_loop(
                model, recipe, sft.objective(model, tokenizer, recipe, seed),
                name={"arm": recipe.arm, "seed": seed, "scale": SCALE}, snapshot=lambda step: None,
                started=lambda optimizer, m=model, t=task, h=held: protected.begin(optimizer, m, t, h, seed),
                finished=lambda optimizer, m=model, t=task, found=left: found.append(
                    protected.left(optimizer, m, t.energy) if t.energy else None
                ),
            )  # fmt: skip
        except Diverged:
            return math.inf
        losses += [row["loss"] for row in log[-coso.LAST :]]
        weights, held = {name: p.detach() for name, p in model.named_parameters()}, left[0]
    return math.fsum(losses) / len(losses)


def tune(method: str) -> tuple[float, ...]:
    """Mean loss at each rate of the grid."""
    return tuple(
        math.fsum(tuning_loss(method, rate, seed) for seed in coso.TUNING_SEEDS) / len(coso.TUNING_SEEDS) for rate in coso.GRID
    )


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the table, a method a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("methods", nargs="*", default=list(coso.SETTINGS), choices=list(coso.SETTINGS), metavar="method")
    for method in parser.parse_args(None if arguments is None else list(arguments)).methods:
        found = tune(method)
        shown = ", ".join(f"{value:.4f}" if math.isfinite(value) else f'float("{value}")' for value in found)
        print(f'    "{method}": ({shown}),  # {coso.GRID[found.index(min(found))]:g}', flush=True)


if __name__ == "__main__":
    main()
