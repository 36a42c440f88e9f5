"""Choose the learning rates of the pretraining bench: every method on the same grid, by its loss on the tuning split.

    python -m harness.training.tune                    # prints TUNED of methods.py, training what is missing
    python -m harness.training.tune lm_galore lm_muon  # these arms; two processes with different arms share the work
    python -m harness.training.tune lm_lrc             # fine-tuning of a compressed model: TUNED of finetunes.py

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
from harness.training import cache, finetunes, methods, recipes
from harness.training.cache import Request
from harness.training.recipes import Recipe

SCALE = "tiny"


def tuning_loss(recipe: Recipe, seed: int) -> float:
    """Loss on the tuning split after a whole run, from the cache or trained now; inf if the run diverges."""
    start = Request(recipe.base, SCALE, seed).key if recipe.base else None
    path = cache_dir() / "tuning" / f"{recipe.key(SCALE, seed, start)}.json"
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
    seeds, made = methods.TUNING_SEEDS, recipes.finetune_arm if arm in finetunes.ARMS else recipes.bench_arm
    return tuple(sum(tuning_loss(made(arm, rate), seed) for seed in seeds) / len(seeds) for rate in grid(arm))


def grid(arm: str) -> tuple[float, ...]:
    """The rates to try."""
    return finetunes.GRID if arm in finetunes.ARMS else methods.grid(arm)


def _train(recipe: Recipe, seed: int) -> float | None:
    threads.configure()
    from harness.training import compressed, lm
    from harness.training.loop import run_loop
    from harness.training.runs import Diverged
    from harness.training.train import with_weights

    first = cache.ensure(Request(recipe.base, SCALE, seed)).weights() if recipe.base else None
    model, tokenizer = with_weights(SCALE, seed, first)
    if recipe.compress:
        compressed.compress(model, recipe.compress, seed)
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
    known = [*methods.METHODS, *finetunes.ARMS]
    parser.add_argument("arms", nargs="*", default=list(methods.METHODS), choices=known, metavar="arm")
    for arm in parser.parse_args(None if arguments is None else list(arguments)).arms:
        losses = tune(arm)
        shown = ", ".join(f"{loss:.4f}" if math.isfinite(loss) else 'float("inf")' for loss in losses)
        print(f'    "{arm}": ({shown}),  # {grid(arm)[losses.index(min(losses))]:g}', flush=True)


if __name__ == "__main__":
    main()
