"""What a claim's body may ask for by name, and where each name comes from.

    trained    a run: recipe x scale x seed, from the cache or trained now (harness.training.recipes)
    synthetic  an update that needs no training, put on the base model's weights: exists at every scale
    base       the base model's matrices, name -> (m, n) fp32
    rng        a torch.Generator, seeded by claim, role and replicate
    models     makes policies of changes (harness.engine.policies)
    lm         what the run of a language model left: losses, gradients, the size of its optimizer (harness.engine.language)
    a family   arms under one name, by FAMILIES: all of them, stacked (harness.engine.families)
    a scale    a handle that loads that scale's model (harness.models.scales)

No torch here: collection and planning read this table.
"""

from dataclasses import dataclass
from types import MappingProxyType

from harness.training import adapter_arms_subspace, recipes


@dataclass(frozen=True)
class Synthetic:
    """An update without training: `maker` in harness.nulls, with its frozen arguments; drawn from a generator or not."""

    says: str
    maker: str
    arguments: tuple[tuple[str, float], ...]
    drawn: bool = True


SYNTHETIC = MappingProxyType({
    "noise": Synthetic("isotropic Gaussian, |D|_F = 1e-3 |W|_F a matrix", "noise", (("relative", 1e-3),)),
    "decay": Synthetic("weight decay alone, D = -3e-3 W: the sum of lr x wd of a published SFT run", "decay", (("d", 3e-3),), drawn=False),
    "sign_step": Synthetic("one Adam step of lr 1e-6 on random signs", "sign_step", (("lr", 1e-6),)),
})  # fmt: skip
HELPERS = ("base", "rng", "models", "lm")
FAMILIES = MappingProxyType(adapter_arms_subspace.FAMILIES)
"""Name -> its members, which no body asks for one by one."""


def trained() -> tuple[str, ...]:
    """Arms that have a recipe at some scale, in the order of the table."""
    return tuple(dict.fromkeys(arm for arm, _ in recipes.RECIPES))


def is_arm(name: str) -> bool:
    """Whether a body's argument is an arm, trained or synthetic."""
    return name in SYNTHETIC or name in trained()


def members(name: str) -> tuple[str, ...]:
    """The arms that a body's argument stands for: itself, or those of a family; none where it is neither."""
    return FAMILIES.get(name, (name,) if is_arm(name) else ())
