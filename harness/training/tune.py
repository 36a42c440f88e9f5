"""Choose the learning rates of the pretraining bench: every method on the same grid, by its loss on the tuning split.

    python -m harness.training.tune                    # prints TUNED of methods.py, training what is missing
    python -m harness.training.tune lm_galore lm_muon  # these arms; two processes with different arms share the work

    loss(arm, rate) = mean over TUNING_SEEDS of the loss on the tuning split after the last step; inf where a run diverged

The tuning split, seeds 100 and 101 and the whole run: what is judged sees neither. A run leaves its loss alone,
`<cache>/tuning/<key>.json` under its recipe's key, and no weights.
"""

import argparse
import json
import math
import os
from collections.abc import Iterable

from harness import threads
from harness.models.paths import cache_dir
from harness.training import methods, recipes
from harness.training.recipes import Recipe

SCALE = "tiny"


def tuning_loss(recipe: Recipe, seed: int) -> float:
    """Loss on the tuning split after a whole run, from the cache or trained now; inf if the run diverges."""
    path = cache_dir() / "tuning" / f"{recipe.key(SCALE, seed, None)}.json"
    try:
        found = json.loads(path.read_text())["loss"]
    except (OSError, ValueError, KeyError):
        found = _train(recipe, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".tmp-{os.getpid()}")
        partial.write_text(json.dumps({"arm": recipe.arm, "seed": seed, "loss": found}))
        partial.replace(path)
    return math.inf if found is None else found


def tune(arm: str) -> tuple[float, ...]:
    """Mean loss at each rate of the grid."""
    seeds = methods.TUNING_SEEDS
    return tuple(
        sum(tuning_loss(recipes.bench_arm(arm, rate), seed) for seed in seeds) / len(seeds) for rate in methods.grid(arm)
    )


def _train(recipe: Recipe, seed: int) -> float | None:
    threads.configure()
    from harness.training import lm
    from harness.training.loop import run_loop
    from harness.training.runs import Diverged
    from harness.training.train import with_weights

    model, tokenizer = with_weights(SCALE, seed, None)
    name = {"arm": recipe.arm, "seed": seed, "scale": SCALE}
    try:
        run_loop(model, recipe, lm.objective(model, tokenizer, recipe, seed), name=name, snapshot=lambda step: None)
    except Diverged:
        return None
    loss = lm.held_out(model, tokenizer, recipe, "tuning").loss
    return loss if math.isfinite(loss) else None


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the table, an arm a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("arms", nargs="*", default=list(methods.METHODS), choices=list(methods.METHODS), metavar="arm")
    for arm in parser.parse_args(None if arguments is None else list(arguments)).arms:
        losses = tune(arm)
        shown = ", ".join(f"{loss:.4f}" if math.isfinite(loss) else 'float("inf")' for loss in losses)
        print(f'    "{arm}": ({shown}),  # {methods.grid(arm)[losses.index(min(losses))]:g}', flush=True)


if __name__ == "__main__":
    main()
