"""Choose learning rates: every method of a bench on the same grid, by its loss on the tuning split, or by its training reward.

    python -m harness.training.tune                    # prints TUNED of methods.py, training what is missing
    python -m harness.training.tune lm_galore lm_muon  # these arms; two processes with different arms share the work
    python -m harness.training.tune lm_lrc             # fine-tuning of a compressed model: TUNED of finetunes.py
    python -m harness.training.tune iso                # RLVR with its matrices stepped apart: TUNED of rl_methods.py
    python -m harness.training.tune rlvr_pissa         # adapters: TUNED of adapter_arms.py
    python -m harness.training.tune hl_lora            # few problems and wrong answers: TUNED of adapter_arms_hypelora.py

    loss(arm, rate) = mean over TUNING_SEEDS of the loss on the tuning split after the last step; inf where a run diverged
    loss(arm, rate) of SFT's adapters is that of the last steps of training, as reward is
    reward(arm, rate) = mean over TUNING_SEEDS of the mean reward of the last steps of training; -inf where a run diverged

The tuning split, seeds 100 and 101 and the whole run: what is judged sees neither. Rewards are those of training
problems, before each step's update. A run leaves its number alone, `<cache>/tuning/<key>.json` under its recipe's key, and no
weights.
"""

import argparse
import json
import math
import os
from collections.abc import Iterable

from harness import threads
from harness.models.paths import cache_dir
from harness.training import adapter_arms, adapter_arms_hypelora, cache, finetunes, methods, recipes, rl_methods
from harness.training.cache import Request
from harness.training.recipe import Recipe

SCALE = "tiny"


def tuning_loss(recipe: Recipe, seed: int) -> float:
    """Loss on the tuning split after a whole run, from the cache or trained now; inf if the run diverges."""
    found = _known(recipe, seed, "loss")
    return math.inf if found is None else found


def tuning_reward(recipe: Recipe, seed: int) -> float:
    """Mean reward of the last steps of a run of reinforcement learning, likewise; -inf if the run diverges."""
    found = _known(recipe, seed, "reward")
    return -math.inf if found is None else found


def _known(recipe: Recipe, seed: int, which: str) -> float | None:
    start = Request(recipe.base, SCALE, seed).key if recipe.base else None
    path = cache_dir() / "tuning" / f"{recipe.key(SCALE, seed, start)}.json"
    try:
        return json.loads(path.read_text())[which]
    except (OSError, ValueError, KeyError):
        found = _train(recipe, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".tmp-{os.getpid()}")
        partial.write_text(json.dumps({"arm": recipe.arm, "seed": seed, which: found}))
        partial.replace(path)
        return found


def rewarded(arm: str) -> bool:
    """Whether the best rate of an arm is the one of the highest reward, and not of the least loss."""
    return arm in rl_methods.METHODS or (arm in adapter_arms.tuned_arms() and arm.startswith("rlvr"))


def tune(arm: str) -> tuple[float, ...]:
    """Mean loss, or reward, at each rate of the grid."""
    if arm in adapter_arms.tuned_arms():
        value = tuning_reward if rewarded(arm) else tuning_loss
        found = [[value(recipes.adapted_arm(arm, rate), seed) for seed in rl_methods.TUNING_SEEDS] for rate in grid(arm)]
        return tuple(sum(each) / len(each) for each in found)
    seeds = rl_methods.TUNING_SEEDS if arm in rl_methods.METHODS else methods.TUNING_SEEDS
    if arm in adapter_arms_hypelora.VARIANTS:
        return tuple(sum(tuning_loss(recipes.pool_arm(arm, rate), seed) for seed in seeds) / len(seeds) for rate in grid(arm))
    if arm in rl_methods.METHODS:
        return tuple(sum(tuning_reward(recipes.rl_arm(arm, rate), seed) for seed in seeds) / len(seeds) for rate in grid(arm))
    made = recipes.finetune_arm if arm in finetunes.ARMS else recipes.bench_arm
    return tuple(sum(tuning_loss(made(arm, rate), seed) for seed in seeds) / len(seeds) for rate in grid(arm))


def grid(arm: str) -> tuple[float, ...]:
    """The rates to try."""
    if arm in adapter_arms.tuned_arms():
        return adapter_arms.grid(arm)
    if arm in adapter_arms_hypelora.VARIANTS:
        return adapter_arms_hypelora.grid(arm)
    if arm in rl_methods.METHODS:
        return rl_methods.grid(arm)
    return finetunes.GRID if arm in finetunes.ARMS else methods.grid(arm)


def _train(recipe: Recipe, seed: int) -> float | None:
    threads.configure()
    from harness.training import adapted, compressed, lm, rlvr, sft
    from harness.training.loop import run_loop
    from harness.training.runs import Diverged
    from harness.training.train import with_weights

    first = cache.ensure(Request(recipe.base, SCALE, seed)).weights() if recipe.base else None
    model, tokenizer = with_weights(SCALE, seed, first)
    if recipe.compress:
        compressed.compress(model, recipe.compress, seed)
    name = {"arm": recipe.arm, "seed": seed, "scale": SCALE}
    objective = (lm if recipe.lm else sft if recipe.loss == "ce" else rlvr).objective(model, tokenizer, recipe, seed)
    on = adapted.put_on(model, recipe, tokenizer, seed) if recipe.adapter else None
    try:
        log = run_loop(model, recipe, objective, name=name, snapshot=lambda step: None, adapted=on)
    except Diverged:
        return None
    if not recipe.lm:
        last = [row["loss" if recipe.loss == "ce" else "reward"] for row in log[-rl_methods.LAST :]]
        return sum(last) / len(last)
    loss = lm.held_out(model, tokenizer, recipe, "tuning").loss
    return loss if math.isfinite(loss) else None


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the table, an arm a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    adapters = (*adapter_arms.tuned_arms(), *adapter_arms_hypelora.VARIANTS)
    known = [*methods.METHODS, *finetunes.ARMS, *rl_methods.tuned_arms(), *adapters]
    parser.add_argument("arms", nargs="*", default=list(methods.METHODS), choices=known, metavar="arm")
    for arm in parser.parse_args(None if arguments is None else list(arguments)).arms:
        found = tune(arm)
        best = max(found) if rewarded(arm) else min(found)
        shown = ", ".join(f"{value:.4f}" if math.isfinite(value) else f'float("{value}")' for value in found)
        print(f'    "{arm}": ({shown}),  # {grid(arm)[found.index(best)]:g}', flush=True)


if __name__ == "__main__":
    main()
