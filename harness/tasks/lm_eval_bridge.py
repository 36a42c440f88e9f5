"""Every capability number in a claim comes from here: lm-eval's greedy exact match on held-out prompts, model in memory.

The task is handed over as a dict of callables, which takes lm-eval's fast path: no scan of its 14,000 task files, no
environment report, no template compilation (.4 s instead of 2 s). lm-eval's regex filter is given the task's own form, so
its exact match is the mean reward of greedy completions.
"""

import contextlib
import functools
import logging
import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.errors import SpecError
from harness.tasks import registry
from harness.tasks.base import Problem, Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH = 64
FILTER = "answer"


def evaluate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    task: Task | str,
    *,
    n: int = 200,
    seed: int = 0,
    device: str | None = None,
) -> dict[str, Any]:
    """Greedy accuracy of an in-memory model on `n` different held-out problems.

    Args:
        model: a causal language model; evaluated in its own dtype (fp32 in this project) and left in the mode it was in.
        tokenizer: its tokenizer; a pad token is needed.
        task: a task, or the name of one with its default sizes.
        n: problems wanted; all of them where the task holds out fewer.
        seed: draws the problems; the same seed gives every model the same ones.
        device: move the model there first; by default it stays where it is.

    Returns:
        {"exact_match": share in [0, 1], "n": problems asked, "task": name, "lm_eval": its version}.

    Raises:
        SpecError: no problem asked for, or an unknown task.
    """
    task = registry.get(task) if isinstance(task, str) else task
    n = min(n, task.size("test"))
    if n < 1:
        raise SpecError(f"evaluating {task.name} needs at least one problem.")
    problems = task.problems(n, random.Random(seed), "test")
    if device is not None:
        model.to(device)
    was_training = model.training
    try:
        with _undisturbed():
            found, version = _run(model, tokenizer, task, problems)
    finally:
        model.train(was_training)
    return {"exact_match": float(found), "n": n, "task": task.name, "lm_eval": version}


def _run(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", task: Task, problems: list[Problem]
) -> tuple[float, str]:
    import lm_eval
    from lm_eval.evaluator import evaluate as run
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    class SilentHFLM(HFLM):
        """HFLM without a progress bar for work that takes half a second."""

        def generate_until(self, requests: list, disable_tqdm: bool = True) -> list[str]:
            return super().generate_until(requests, disable_tqdm=disable_tqdm)

    lm = SilentHFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH, add_bos_token=task.bos)
    loaded = TaskManager(include_defaults=False).load([as_lm_eval(task, problems)])["tasks"]
    for each in loaded.values():
        each.set_fewshot_seed(0)
        each.set_config(key="num_fewshot", value=0)
    results = run(lm, loaded, bootstrap_iters=0, log_samples=False)
    return results["results"][task.name][f"exact_match,{FILTER}"], lm_eval.__version__


def as_lm_eval(task: Task, problems: list[Problem]) -> dict[str, Any]:
    """The lm-eval task (a dict that TaskManager loads) that asks `problems` and scores them as `task.reward` does."""

    def dataset(**_: Any) -> Any:
        from datasets import Dataset, DatasetDict

        return DatasetDict({"test": Dataset.from_list([{"prompt": p.prompt, "answer": p.answer} for p in problems])})

    return dict(
        task=task.name,
        custom_dataset=dataset,
        test_split="test",
        output_type="generate_until",
        doc_to_text=lambda row: row["prompt"],
        doc_to_target=lambda row: row["answer"],
        target_delimiter="",
        generation_kwargs=dict(until=[], max_gen_toks=task.max_new_tokens, do_sample=False),
        filter_list=[
            dict(
                name=FILTER,
                filter=[dict(function="regex", regex_pattern=rf"\A{task.pattern}"), dict(function="take_first")],
            )
        ],
        metric_list=[dict(metric="exact_match", aggregation="mean", higher_is_better=True)],
        metadata=dict(version=float(task.version)),
    )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Offline, without lm-eval's notices and progress bars, and without its draws from Python's global generator.

    Its errors and Python's warnings still surface.
    """
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "1")
    import lm_eval.api.task as lm_eval_task

    logger = logging.getLogger("lm_eval")
    level, state, bar = logger.level, random.getstate(), lm_eval_task.tqdm
    logger.setLevel(logging.ERROR)
    lm_eval_task.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        lm_eval_task.tqdm = bar
        random.setstate(state)
        logger.setLevel(level)
