"""The pretraining bench as data: what each arm does with the attention and MLP matrices. No torch.

Every arm trains the tiny model on the same text for the same steps; embeddings, head and norms take AdamW at `REST_LR` in all
of them. What differs is how the matrices are stepped (`METHODS`), and at which rate: the one of GRID with the least loss on the
tuning split, mean of seeds 100 and 101 (`python -m harness.training.tune`, which prints TUNED). The grid is the same for every
method; the frozen control, which has no other rate, spends as many values on that of all else, whose best lies far higher.

Settings are those of the sheet's E9: rank 16 = hidden / 4 and T = 50 in place of the papers' 128-1024 and 200, scale n / r or
1, so that rates are in Adam's units; betas (.9, .95) for all. Adam's eps is that of the presets where they have one.
"""

from dataclasses import dataclass, field

VERSION = 1
"""Raise it with any change to harness.optimizers that changes a step of these methods: a recipe holds a preset's name alone."""

REST_LR = 3e-3
"""Rate of everything that is not a matrix, that of the sheet's E9."""

GRID = (1e-3, 2.5e-3, 6e-3, 1.5e-2, 4e-2)
FROZEN_GRID = (4e-2, 0.1, 0.25, 0.6, 1.5)
TUNING_SEEDS = (100, 101)

ISOSPECTRAL = ("iso", "iso-muon", "spectrum-only")
"""Those of harness.optimizers.ISO_PRESETS: frames at a fixed spectrum, and the spectrum at fixed frames."""

PLAIN = ("adamw", "frozen", "muon", *ISOSPECTRAL)
"""Methods that are no subspace; any other is a preset of harness.optimizers."""


@dataclass(frozen=True)
class Matrices:
    """How the matrices of a run are stepped, where that is not as all else.

    Attributes:
        method: "adamw", "muon", "frozen" (not at all), one of ISOSPECTRAL, or the name of a preset.
        lr: peak rate; it follows the recipe's schedule.
        settings: fields of the preset's Subspace or Isospectral to set otherwise, as (name, value) pairs.
    """

    method: str
    lr: float
    settings: tuple[tuple[str, int | float | str | bool | None], ...] = ()


@dataclass(frozen=True)
class LanguageModelling:
    """What a run predicts, where it is a text and not a task.

    Attributes:
        corpus: name in harness.tasks.corpus.
        context: characters of a training sequence, and of an evaluated one.
        shuffled: targets are permuted inside each batch, so that nothing can be learned but how frequent characters are.
        every: steps between two snapshots, beside the first and the last two.
    """

    corpus: str = "grammar"
    context: int = 64
    shuffled: bool = False
    every: int = 40


@dataclass(frozen=True)
class Method:
    """An arm of the bench before its rate is known."""

    method: str
    settings: dict[str, int | float | str | bool | None] = field(default_factory=dict)


_R, _T = dict(rank=16), dict(refresh=50)
_GALORE = dict(**_R, **_T, scale=1.0)

METHODS: dict[str, Method] = {
    "lm_adamw": Method("adamw"),
    "lm_galore": Method("galore", _GALORE),
    "lm_apollo": Method("apollo", dict(**_R, **_T, scale=4.0)),
    "lm_apollo_mini": Method("apollo-mini", dict(rank=1, **_T, scale=64.0, limiter_after_scale=True)),
    "lm_fira": Method("fira", _GALORE),
    "lm_flora": Method("flora", dict(**_R, **_T)),
    "lm_golore": Method("golore", dict(**_GALORE, late_from=200)),  # half of the run
    "lm_sara": Method("sara", _GALORE),
    "lm_random": Method("galore", dict(**_GALORE, projector="stiefel")),  # GaLore that looks at no gradient for its subspace
    "lm_ldadam": Method("ldadam", dict(**_R, mix=0.9)),  # rho is the first beta, as in its code
    "lm_qgalore": Method("q-galore", _GALORE),
    "lm_coso": Method("coso", dict(**_R, **_T, sketch=32)),  # one task and no history: GaLore on the input side
    "lm_relora": Method("relora", dict(**_R, refresh=100, restart_warmup=10)),
    "lm_muon": Method("muon"),
    "lm_frozen": Method("frozen"),  # its rate is that of all else
}

TUNED: dict[str, tuple[float, ...]] = {
    "lm_adamw": (1.1031, 1.0156, 1.0128, 1.0867, 1.5001),  # 0.006
    "lm_galore": (1.2965, 1.1217, 1.0267, 1.0429, 1.1554),  # 0.006
    "lm_apollo": (1.2326, 1.1247, 1.0474, 0.9899, 1.0556),  # 0.015
    "lm_apollo_mini": (1.3850, 1.2595, 1.0979, 1.1627, 1.4061),  # 0.006
    "lm_fira": (1.2923, 1.1013, 1.0205, 1.0241, 1.1421),  # 0.006
    "lm_golore": (1.3329, 1.1483, 1.0464, 1.0624, 1.1751),  # 0.006
    "lm_sara": (1.3012, 1.1343, 1.0251, 1.0374, 1.1523),  # 0.006
    "lm_random": (1.3649, 1.1563, 1.0558, 1.0316, 1.1492),  # 0.015
    "lm_qgalore": (1.2912, 1.1219, 1.0330, 1.0709, 1.1556),  # 0.006
    "lm_flora": (1.0870, 1.0178, 1.0530, 1.2424, 1.6593),  # 0.0025
    "lm_ldadam": (1.2453, 1.0557, 0.9643, 1.0016, 1.1014),  # 0.006
    "lm_coso": (1.3272, 1.1290, 1.0511, 1.0485, 1.1361),  # 0.015
    "lm_relora": (1.3128, 1.1328, 1.0421, 1.0323, 1.1847),  # 0.015
    "lm_muon": (1.4786, 1.2529, 1.0031, 0.9007, 0.9187),  # 0.015
    "lm_frozen": (1.6470, 1.4999, 1.4396, 1.4232, 1.6058),  # 0.6
}
"""Loss on the tuning split at each rate of the arm's grid, mean of TUNING_SEEDS; inf where a run diverged."""


def grid(arm: str) -> tuple[float, ...]:
    """The rates that were tried for an arm."""
    return FROZEN_GRID if METHODS[arm].method == "frozen" else GRID


def rate(arm: str) -> float:
    """The tuned rate: of the matrices, and for the frozen control of all else."""
    losses = TUNED[arm]
    return grid(arm)[losses.index(min(losses))]
