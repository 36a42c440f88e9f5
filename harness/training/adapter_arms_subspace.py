"""Fifty LoRA adapters on one base, twice, as data: ten affine maps by five adapters each, drawn from own seeds or from one.

    pretrain_affine              the base: all ten maps, half-learned
    affine_own_t<i>_<j>          map i, j-th adapter: A of its own
    affine_shared_t<i>_<j>       the same map and problems, but every A of a replicate is one draw

An adapter of one family differs from its partner in the other in the draw of A and in nothing else. A body asks for a family
by its name (`affine_own`, `affine_shared`) and gets all fifty.

Source: sheet peft_merge 4.4: r 4, alpha 8, 60 steps at 2e-3; half of its batch, to train 500 of them.
Chosen on seed 100: the base answers .53 of its problems after 800 steps, an adapter takes a map from .57-.65 to .69-.81.
Trap: arms of a replicate share the run's seed, so without a seed of its own every adapter of it begins with one A. Own seeds
are the same in every replicate: what differs there is the base and the problems.
"""

from dataclasses import replace

from harness.models.adapters import Adaptation
from harness.tasks.affine import MAPS
from harness.training.recipe import Part, Recipe

EACH = 5
"""Adapters a map."""

OWN_SEED = 10_000
OWN, SHARED = "affine_own", "affine_shared"
MEMBERS = tuple((i, j) for i in range(MAPS) for j in range(EACH))
"""(map, adapter) in the order of a family."""

FAMILIES: dict[str, tuple[str, ...]] = {name: tuple(f"{name}_t{i}_{j}" for i, j in MEMBERS) for name in (OWN, SHARED)}
"""Name of a family -> its arms."""


def arms(pretrain: Recipe) -> tuple[Recipe, ...]:
    """The base and both families.

    Args:
        pretrain: recipe of the tiny base, whose optimizer theirs is.
    """
    base = replace(
        pretrain, arm="pretrain_affine", task="affine", sizes=(), mix=(Part("affine", 1.0),), steps=800, snapshots=4, cost_s=31
    )
    return base, *(_adapter(name, i, j) for name in FAMILIES for i, j in MEMBERS)


def _adapter(family: str, i: int, j: int) -> Recipe:
    seed = OWN_SEED + EACH * i + j if family == OWN else None
    return Recipe(
        arm=f"{family}_t{i}_{j}",
        task="affine",
        sizes=(("first", i), ("maps", 1)),
        steps=60,
        batch=32,
        lr=2e-3,
        data_seed_offset=j,
        snapshots=2,
        base="pretrain_affine",
        adapter=Adaptation("lora", rank=4, alpha=8.0, seed=seed),
        cost_s=1.2,
    )
