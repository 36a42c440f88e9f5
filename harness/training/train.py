"""Train one run into a folder: build the model, carry out the recipe, evaluate, write the manifest last.

The folder is the cache's private one, so a run that stops half-way is never seen.
"""

import copy
import json
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save
from torch import nn

from harness.errors import TrainingError
from harness.models import scales, weights
from harness.models.load import load
from harness.tasks.base import Task
from harness.training import adapted as adapters
from harness.training import by_group, compressed, lm, pretrain, protected, raft, recipes, rlvr, sft
from harness.training.loop import kept_steps, run_loop
from harness.training.recipe import LOOP_VERSION, MODEL, Recipe
from harness.training.rotated import head_map
from harness.training.runs import FIXED, HISTORY, LOG, MANIFEST, MOMENTS, Run, adapter_name, weights_name, write_file

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
        TrainingError: the reward gives no signal, the folder cannot be written, or the recipe's base is not of its scale.
        ModelError: the scale's real model cannot be had.
    """
    recipe, started = request.recipe, time.perf_counter()
    scale = scales.get(request.scale)
    real, fresh = recipe.base == MODEL, recipe.base is None
    if real == (scale.source == "config"):
        raise TrainingError(f"The recipe of {request.arm} starts from {recipe.base or 'nothing'}: scale {scale.name!r} cannot.")
    first = first_weights(recipe.rotate, base, request.seed)
    model, tokenizer = with_weights(request.scale, request.seed, first)
    model.to(device)
    kinds = compressed.compress(model, recipe.compress, request.seed) if recipe.compress else None
    match = _matched(recipe, request, model, tokenizer)
    recipe = replace(recipe, lr=match.lr) if match else recipe
    objective = _objective(recipe)(model, tokenizer, recipe, request.seed)  # before adapters: the base of the KL is the base
    adapted = adapters.put_on(model, recipe, tokenizer, request.seed) if recipe.adapter else None
    name = {"arm": request.arm, "seed": request.seed, "scale": request.scale}
    tasks, kept, by_step = evaluated_tasks(request), kept_steps(recipe), {}
    curve: list[dict[str, float]] = []
    remembered: dict[str, int] = {}
    judged = set(_judged(model, scale.judged_layers)) if real else None

    def keep(step: int) -> None:
        if step == recipe.steps and fresh and not (recipe.lm or adapted):
            return  # rounded first
        if adapted:
            _write_adapter(adapted, folder, step)
        elif not (real and step == 0):
            _write_weights(model, folder, step, judged if step < recipe.steps else None)
        by_step[step] = score(model, step)

    def score(seen: nn.Module, step: int | None = None) -> dict[str, float]:
        if not recipe.lm:
            return capability(seen, tokenizer, tasks)
        found = lm.held_out(seen, tokenizer, recipe)
        if step is not None:
            curve.append({"step": step, **found._asdict()})
        return {recipe.task: found.accuracy}

    def starting(optimizer: torch.optim.Optimizer) -> None:
        if recipe.continual:
            protected.begin(optimizer, model, recipe.continual, base.history() if base else None, request.seed)

    def finished(optimizer: torch.optim.Optimizer) -> None:
        if recipe.matrices:
            remembered.update(by_group.state_elements(optimizer, model))
        if recipe.keeps:
            _write_moments(optimizer, model, folder)
        if recipe.continual and recipe.continual.energy:
            write_file(folder / HISTORY, save(protected.left(optimizer, model, recipe.continual.energy)))

    log = run_loop(
        model, recipe, objective, name=name, progress=progress, snapshot=keep, started=starting, finished=finished,
        adapted=adapted, norms=not (real and adapted),
    )  # fmt: skip
    if adapted:  # what comes is asked of the weights that it stands for
        model, _ = with_weights(request.scale, request.seed, adapted.weights())
        model.to(device)
    elif fresh and not recipe.lm:  # as released: what arms start from lies on the bf16 grid, and bf16 shows no rounding as a change
        model, fresh = rounded(model), False
        keep(recipe.steps)
    trained_s = time.perf_counter() - started
    manifest = {
        "key": request.key,
        **name,
        "recipe": asdict(request.recipe),
        "base": base.key if base else None,
        "root": scale.model_id if real else None,
        "loop_version": LOOP_VERSION,
        "steps": list(kept),
        "graded": recipe.graded,
        "capability": by_step[kept[-1]],
        "capability_by_step": by_step,
        "capability_bf16": score(rounded(model)),
        **({"held_out": curve, "optimizer_state": remembered} if recipe.lm else {}),
        **({"compressed": kinds._asdict()} if kinds else {}),
        **({"adapter": _about(adapted, match)} if adapted else {}),
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


def with_weights(scale: str, seed: int, stored: dict[str, torch.Tensor] | None) -> tuple[nn.Module, object]:
    """A scale's model with these weights, and its tokenizer.

    Args:
        scale: name of the scale.
        seed: of the tiny model's initialisation.
        stored: every parameter; None leaves the model as it comes: initialised, or as a real one is released.
    """
    found = load(scale, seed=seed)  # anew, never remembered: whoever asked may train it in place
    if stored is not None:
        load_weights(found.model, stored)
    return found.model, found.tokenizer


def first_weights(rotate: bool, base: Run | None, seed: int) -> dict[str, torch.Tensor] | None:
    """The weights that a run starts from, where they are another run's; rotated inside every head where it asks for that."""
    if base is None:
        return None
    first = base.weights()
    return head_map(first, seed)(first) if rotate else first


def _matched(recipe: Recipe, request: "Request", model: nn.Module, tokenizer: object) -> adapters.Matched | None:
    if recipe.adapter is None or recipe.adapter.matches is None:
        return None
    other = recipes.get(recipe.adapter.matches, request.scale)
    make = lambda probe, of: _objective(of)(probe, tokenizer, of, request.seed)  # noqa: E731
    return adapters.matched(model, recipe, other, tokenizer, request.seed, make)


def _about(adapted: "adapters.Adapted", match: adapters.Matched | None) -> dict[str, object]:
    trained = sum(p.numel() for p in adapted.trainable().values())
    return {"trainable": trained, **({"matched": match._asdict()} if match else {})}


def _judged(model: nn.Module, layers: tuple[str, ...] | None) -> list[str]:
    """Names of the parameters that claims are about, in these layers."""
    dims = {name: p.ndim for name, p in model.named_parameters()}
    return [each.tensor for each in weights.projections(dims, layers)]


def load_weights(model: nn.Module, stored: dict[str, torch.Tensor]) -> None:
    """Copy stored parameters into a model of the same architecture.

    Raises:
        TrainingError: a name or a shape differs.
    """
    own = dict(model.named_parameters())
    if {name: tuple(p.shape) for name, p in own.items()} != {name: tuple(w.shape) for name, w in stored.items()}:
        raise TrainingError("The base run was trained on another architecture; delete it from the run cache to retrain.")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(stored[name])


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


def _objective(recipe: Recipe) -> Callable:
    if recipe.lm:
        return lm.objective
    if recipe.loss != "ce":
        return rlvr.objective
    if recipe.data == "raft":
        return raft.objective
    return sft.objective if recipe.base and not recipe.mix else pretrain.objective


def _write_weights(model: nn.Module, folder: Path, step: int, only: set[str] | None = None) -> None:
    kept = {
        name: p.detach().to("cpu", torch.float32).contiguous()
        for name, p in compressed.dense(model).items()
        if only is None or name in only
    }
    write_file(folder / weights_name(step), save(kept))


def _write_adapter(adapted: "adapters.Adapted", folder: Path, step: int) -> None:
    if step == 0:
        fixed = {name: t.detach().to("cpu").clone().contiguous() for name, t in adapted.fixed().items()}
        write_file(folder / FIXED, save(fixed))
    write_file(folder / adapter_name(step), save(adapters.tensors(adapted)))


def _write_moments(optimizer: torch.optim.Optimizer, model: nn.Module, folder: Path) -> None:
    kept = {
        name: optimizer.state[p]["exp_avg_sq"].to("cpu", torch.float32).contiguous() for name, p in model.named_parameters()
    }
    write_file(folder / MOMENTS, save(kept))


def _json(content: object, indent: int | None = None) -> bytes:
    return json.dumps(content, indent=indent, allow_nan=False).encode()
