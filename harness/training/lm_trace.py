"""A few more steps from a kept step of a run, watched from inside the optimizer.

    trace(run, 200, 51)                                       goes on as the run's own method does
    trace(run, 200, 51, like="lm_galore", moments="rotate")   as another arm of the bench does, a setting changed

Weights, batches, clipping and rates are those of steps step + 1, step + 2, ... of the run; what differs is that the optimizer
is fresh, so two traces of one run differ in the method alone. `gradients` is what the optimizer was given (clipped), `updates`
what it made of it: U (m, n), before the learning rate and the correction of bias, as in harness.optimizers.updates.
Trap: step + 1 of a trace is the first of its optimizer: it refreshes on steps 1, T + 1, ... of the trace, and Adam's moments
are young. The run itself, which lost nothing, would step otherwise.
Trap: what a trace steps with a rate above 0 depends on its own steps before. Two methods have the same gradients only up to the
first step in which they differ.
"""

from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from torch import Tensor, nn

from harness.errors import TrainingError
from harness.models.tokenizer import character_tokenizer
from harness.optimizers import Look, SubspaceOptimizer
from harness.training import by_group, lm, recipes
from harness.training.lm_run import LanguageRun
from harness.training.loop import learning_rate
from harness.training.runs import projections

Matrices = dict[str, Tensor]


class Trace(NamedTuple):
    """What happened, a list entry a step; matrices by short name, (m, n) fp32, copies.

    Attributes:
        gradients: G, after clipping.
        updates: U.
        refreshed: whether the step began with a new subspace.
        first, last: weights before the first step and after the last.
    """

    gradients: list[Matrices]
    updates: list[Matrices]
    refreshed: list[bool]
    first: Matrices
    last: Matrices


def trace(
    run: LanguageRun, step: int, count: int, *, like: str | None = None, draw: int = 0,
    **settings: int | float | str | bool | None,
) -> Trace:  # fmt: skip
    """Carry out steps step + 1 ... step + count of the run with a fresh optimizer.

    Args:
        run: of the bench; its stored files are only read.
        step: one that the run kept.
        count: at least 1; the run's schedule must have as many steps left.
        like: arm of the bench whose method, settings and tuned rate step the matrices; None: the run's own.
        draw: 0 for the windows that the run saw; another number for others of the same text.
        settings: fields of the method's Subspace to set otherwise.

    Raises:
        TrainingError: the weights of this step were not kept, or the schedule ends before.
        SpecError: the method is no subspace, or has no such setting.
    """
    recipe = _recipe(run, like, draw, settings)
    if not 1 <= count <= recipe.steps - step:
        raise TrainingError(f"A trace of {count} steps from step {step}: the run's schedule has {recipe.steps} in all.")
    model = run.model(step)
    matrices = projections(dict(model.named_parameters()))
    optimizer = by_group.build(recipe, model, run.run.seed)
    if not isinstance(optimizer, SubspaceOptimizer):
        raise TrainingError(f"The method {recipe.matrices.method!r} is no subspace: it has no updates that could be watched.")
    names = {id(p): name for name, p in matrices.items()}
    found = Trace([], [], [], _copied(matrices), {})

    def watch(look: Look) -> None:
        found.updates[-1][names[id(look.parameter)]] = (look.update.T if look.flipped else look.update).clone()
        found.refreshed[-1] = look.refreshed

    optimizer.register_probe(watch)
    ratios = [group["lr"] / recipe.lr for group in optimizer.param_groups]
    text = lm.tokens(character_tokenizer(), recipe.lm.corpus, "train")
    stream = lm.batches(recipe, text, run.run.seed)
    for number, batch in enumerate(islice(stream, step, step + count), step + 1):
        optimizer.zero_grad()
        lm.cross_entropy(model, batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = learning_rate(recipe, number) * ratio
        found.gradients.append({name: p.grad.clone() for name, p in matrices.items()})
        found.updates.append({})
        found.refreshed.append(False)
        optimizer.step()
    return found._replace(last=_copied(matrices))


def _recipe(run: LanguageRun, like: str | None, draw: int, settings: dict) -> recipes.Recipe:
    own = run.recipe
    method = own.matrices if like is None else recipes.get(like, run.run.scale).matrices
    changed = replace(method, settings=tuple((dict(method.settings) | settings).items()))
    return replace(own, matrices=changed, data_seed_offset=own.data_seed_offset + 10_000 * draw)


def _copied(matrices: Matrices) -> Matrices:
    return {name: p.detach().clone() for name, p in matrices.items()}
