"""A whole task is left out, and its adapters are rebuilt from those of all other tasks.

    mean      the mean of the others
    both      and what the MODELS leading directions of the others hold of the adapter's difference from it
    success   probability of the right answer, mean over all 169 problems of the adapter's own map

    z of the gain = mean over tasks / (sd over tasks / sqrt(tasks)),
    gain of a task = mean over its adapters of (left by the mean - left by both - chance) / |dW|^2,  all matrices at once

Chance is what as many random directions would hold; without it every basis gains.
"""

from math import sqrt
from typing import TYPE_CHECKING

from suites.universal_subspace.paper import MODELS
from suites.universal_subspace.shares import stacks

if TYPE_CHECKING:
    from harness.engine.families import Family
    from harness.engine.policies import Policies
    from torch import Generator, Tensor


def success_over_mean(family: "Family", models: "Policies", rng: "Generator", rebuilt: str, basis: str) -> float:
    """Success of rebuilt adapters less that of the mean, mean over all.

    Args:
        family: adapters.
        models: makes policies.
        rng: draws the null's directions.
        rebuilt: "both", "mean", or "own" for the adapter itself.
        basis: stand-in that directions are taken from, of `shares.stacks`.
    """
    import torch
    from harness.spectra.shared_basis import Basis

    stacked, source = family.stacked(), stacks(family, rng, basis)
    found = []
    for task in dict.fromkeys(family.tasks):
        inside = torch.tensor([each == task for each in family.tasks])
        members = inside.nonzero().flatten().tolist()
        start = models.base(family.change(members[0]))
        base, problems = family.change(members[0]).base, list(start.task.space())
        held = {
            name: Basis(stack[~inside].mean(0), Basis.of(source[name][~inside], MODELS).directions)
            for name, stack in stacked.items()
        }

        def reached(updates: "dict[str, Tensor]") -> float:
            moved = {name: (w0.double() + updates[name]).float() for name, w0 in base.items()}
            return start.moved_to(moved).success(problems).mean().item()

        by_mean = reached({name: each.mean for name, each in held.items()})
        for member in members:
            own = {name: stack[member] for name, stack in stacked.items()}
            made = own if rebuilt == "own" else {name: held[name].held(update) for name, update in own.items()}
            found.append((by_mean if rebuilt == "mean" else reached(made)) - by_mean)
    return sum(found) / len(found)


def gain_z(family: "Family", rng: "Generator", made: str = "trained", basis: str = "trained") -> float:
    """Mean gain of the basis beyond chance over its standard error over tasks.

    Args:
        family: adapters.
        rng: draws stand-ins.
        made: what is rebuilt, of `shares.stacks`.
        basis: what directions are taken from; "trained" is what is rebuilt.
    """
    import torch
    from harness.spectra.shared_basis import held_out

    stacked = stacks(family, rng, made)
    source = stacked if basis == "trained" else stacks(family, rng, basis)
    found = [held_out(stack, family.tasks, MODELS, source[name]) for name, stack in stacked.items()]
    gained = sum(each.by_mean - each.by_both - each.chance for each in found) / sum(each.whole for each in found)
    tasks = list(dict.fromkeys(family.tasks))
    of_tasks = torch.stack([gained[torch.tensor([each == task for each in family.tasks])].mean() for task in tasks])
    return (of_tasks.mean() / (of_tasks.std() / sqrt(len(tasks)))).item()
