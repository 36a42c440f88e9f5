"""Train one run into a folder: build the model, carry out the recipe, evaluate, write the manifest last.

The folder is the cache's private one, so a run that stops half-way is never seen.
"""

import copy
import json
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save
from torch import nn

from harness.errors import TrainingError
from harness.models import tiny
from harness.tasks.base import Task
from harness.training import pretrain, raft, rlvr, sft
from harness.training.loop import run_loop, snapshot_steps
from harness.training.recipes import LOOP_VERSION, Recipe
from harness.training.rotated import head_map
from harness.training.runs import LOG, MANIFEST, Run, weights_name, write_file

if TYPE_CHECKING:
    from harness.training.cache import Request

EVALUATED = 300  # held-out problems a task: a standard error of at most 3 points


def train(
    request: "Request", base: Run | None, folder: Path, progress: Callable[[dict], None] | None = None, *, device: str = "cpu"
) -> None:
    """Fill an empty folder with a complete run.

    Args:
        request: arm, scale and seed.
        base: the finished run that this one starts from, None for a fresh initialisation.
        folder: exists, empty, private to this process.
        progress: see `loop.run_loop`.
        device: where the model is trained and evaluated; weights are stored from there as fp32.

    Raises:
        Diverged: training left the finite numbers.
        TrainingError: the reward gives no signal, the folder cannot be written, or the scale is not one that is trained here.
    """
    if request.scale != "tiny":
        raise TrainingError(f"Runs of scale {request.scale!r} cannot be trained here; the scale that can is 'tiny'.")
    recipe, started = request.recipe, time.perf_counter()
    model, tokenizer = tiny.build(request.seed)
    if base:
        first = base.weights()
        load_weights(model, head_map(first, request.seed)(first) if recipe.rotate else first)
    model.to(device)
    objective = _objective(recipe, base)(model, tokenizer, recipe, request.seed)
    name = {"arm": request.arm, "seed": request.seed, "scale": request.scale}
    log = run_loop(
        model, recipe, objective, name=name, progress=progress, snapshot=lambda step: _write_weights(model, folder, step)
    )
    if base is None:  # as released: what every arm starts from lies on the bf16 grid, and bf16 shows no rounding as a change
        model = rounded(model)
        _write_weights(model, folder, recipe.steps)
    trained_s = time.perf_counter() - started
    tasks, kept = evaluated_tasks(request), snapshot_steps(recipe.steps, recipe.snapshots)
    by_step = capability_by_step(model, tokenizer, tasks, folder, kept)
    manifest = {
        "key": request.key,
        **name,
        "recipe": asdict(recipe),
        "base": base.key if base else None,
        "loop_version": LOOP_VERSION,
        "steps": list(kept),
        "graded": recipe.graded,
        "capability": by_step[kept[-1]],
        "capability_by_step": by_step,
        "capability_bf16": capability(rounded(model), tokenizer, tasks),
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "training_s": round(trained_s, 3),
        "seconds": round(time.perf_counter() - started, 3),
    }
    write_file(folder / LOG, _json(log))
    manifest["files"] = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    write_file(folder / MANIFEST, _json(manifest, indent=1))


def load_weights(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy stored parameters into a model of the same architecture.

    Raises:
        TrainingError: a name or a shape differs.
    """
    own = dict(model.named_parameters())
    if {name: tuple(p.shape) for name, p in own.items()} != {name: tuple(w.shape) for name, w in weights.items()}:
        raise TrainingError("The base run was trained on another architecture; delete it from the run cache to retrain.")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])


def rounded(model: nn.Module) -> nn.Module:
    """A copy whose every parameter went through bf16: what bf16 storage would have kept, computed in fp32."""
    return copy.deepcopy(model).to(torch.bfloat16).to(torch.float32)


def evaluated_tasks(request: "Request") -> list[Task]:
    """Tasks of the whole lineage: what an arm forgets of its base's tasks is seen too."""
    found: dict[str, Task] = {}
    step: Request | None = request
    while step:
        found = {**step.recipe.tasks(), **found}
        step = step.base
    return [found[name] for name in sorted(found)]


def capability(model: nn.Module, tokenizer: object, tasks: Iterable[Task]) -> dict[str, float]:
    """Greedy exact match on held-out problems, from lm-eval, by task name."""
    from harness.tasks.lm_eval_bridge import evaluate

    return {task.name: evaluate(model, tokenizer, task, n=EVALUATED)["exact_match"] for task in tasks}


def capability_by_step(
    model: nn.Module, tokenizer: object, tasks: Iterable[Task], folder: Path, steps: Iterable[int]
) -> dict[int, dict[str, float]]:
    """The same at every kept step, from the weights in the folder; the model is left as it was."""
    seen, found = copy.deepcopy(model), {}
    for step in steps:
        load_weights(seen, load_file(folder / weights_name(step)))
        found[step] = capability(seen, tokenizer, tasks)
    return found


def _objective(recipe: Recipe, base: Run | None) -> Callable:
    if recipe.loss != "ce":
        return rlvr.objective
    if recipe.data == "raft":
        return raft.objective
    return sft.objective if base else pretrain.objective


def _write_weights(model: nn.Module, folder: Path, step: int) -> None:
    weights = {name: p.detach().to("cpu", torch.float32).contiguous() for name, p in model.named_parameters()}
    write_file(folder / weights_name(step), save(weights))


def _json(content: object, indent: int | None = None) -> bytes:
    return json.dumps(content, indent=indent, allow_nan=False).encode()
