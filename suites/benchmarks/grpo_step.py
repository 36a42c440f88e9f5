"""One GRPO step, ours and trl's: same model, prompts, batch, group, completion length, loss, optimizer and clipping.

A step is everything from one step's end to the next: problems, sampling, rewards, loss, backward, clipping, optimizer,
bookkeeping. Setting the trainer up and its first step (allocation, caches) stay outside on both sides.
Trap: trl's defaults are bf16 and gradient checkpointing, which are 3 and 2 times slower on a CPU.
"""

import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from suites.benchmarks.race import Seconds

LR = 1e-6
"""So small that the model of the last step samples like that of the first."""


def recipe(task: str, batch: int, group: int, steps: int, **sizes: int):
    """GRPO as harness.training carries it out, without snapshots between."""
    from harness.training.recipe import Recipe

    return Recipe(
        arm="benchmark", task=task, sizes=tuple(sizes.items()), lr=LR, loss="grpo", snapshots=2,
        steps=steps, batch=batch, group=group,
    )  # fmt: skip


def tiny_base(seed: int):
    """The pretrained tiny model of a seed, from the cache, and its tokenizer."""
    from harness.models import tiny
    from harness.training import cache
    from harness.training.train import load_weights

    made = tiny.build(seed)
    load_weights(made.model, cache.load(cache.Request("pretrain", "tiny", seed)).weights())
    return made


def our_step(model: Any, tokenizer: Any, given: Any, seed: int) -> Callable[[], Seconds]:
    """A run that takes the recipe's steps on the model and answers with the median time of one."""
    from harness.training import rlvr
    from harness.training.loop import run_loop

    objective = rlvr.objective(model, tokenizer, given, seed)

    def run() -> Seconds:
        began: list[float] = []

        def noted(step: int):
            began.append(time.perf_counter())
            return objective(step)

        name = {"arm": "benchmark", "seed": seed, "scale": "benchmark"}
        run_loop(model, given, noted, name=name, snapshot=lambda step: None)
        began.append(time.perf_counter())
        return _median(began)

    return run


def trl_step(model: Any, tokenizer: Any, given: Any, seed: int) -> Callable[[], Seconds]:
    """The same with trl's GRPOTrainer; a trainer is set up anew for every run, outside the time."""
    import random

    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    task = given.tasks()[given.task]
    problems = task.problems(given.problems_per_step * given.steps, random.Random(seed))
    rows = Dataset.from_list([{"prompt": problem.prompt, "answer": problem.answer, "group": problem.group} for problem in problems])
    known = {problem.prompt: problem for problem in problems}

    def reward(prompts, completions, **_):
        return [task.reward(known[prompt], text) for prompt, text in zip(prompts, completions, strict=True)]

    class Clock(TrainerCallback):
        def __init__(self):
            self.began: list[float] = []

        def on_step_end(self, args, state, control, **_):
            self.began.append(time.perf_counter())

    def run() -> Seconds:
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            config = GRPOConfig(
                output_dir=folder, max_steps=given.steps, learning_rate=given.lr, seed=seed, lr_scheduler_type="constant",
                use_cpu=model.device.type == "cpu", bf16=False, gradient_checkpointing=False, dataloader_pin_memory=False,
                report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True,
                per_device_train_batch_size=given.batch, num_generations=given.group, max_completion_length=task.max_new_tokens,
                beta=0.0, temperature=given.temperature, loss_type="grpo", num_iterations=1, max_grad_norm=given.clip,
            )  # fmt: skip
            trainer = GRPOTrainer(
                model=model, args=config, reward_funcs=[reward], train_dataset=rows, processing_class=tokenizer, callbacks=[clock]
            )
            trainer.train()
        return _median(clock.began)

    return run


def _median(moments: list[float]) -> Seconds:
    """Median distance of consecutive moments, the first left out: that step allocates and fills caches."""
    return Seconds(median(b - a for a, b in zip(moments[1:], moments[2:], strict=False)))
