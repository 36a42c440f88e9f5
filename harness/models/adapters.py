"""Adapters as data: which tuner, at which rank, on which layers. What is known of every tuner is in tuner_table.py. No torch.

An `Adaptation` is what a recipe holds; harness.models.tuners puts it on a model.

Source: peft 0.21; harness.models.tuners.own for those that it lacks.
Trap: equal rates are not equal steps. One step of PiSSA, LoRA and MiLoRA is 13 : 4 : 1; see `Adaptation.matches`.
Trap: where a tuner has no rank or no alpha, what is given here for it is not used (Tuner.rank, Tuner.alpha).
Trap: AdaLoRA cuts its ranks by step 100 of 150; a run of other length gives settings=(("total_step", ...), ("tinit", ...), ...).
"""

from dataclasses import dataclass, field
from difflib import get_close_matches

from harness.errors import SpecError
from harness.models.tuner_table import TUNERS, Tuner, Value

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

OPTIMIZERS = (None, "loraplus", "lorafa", "riemannian")
"""peft's optimizers for factors; None is the recipe's own."""


@dataclass(frozen=True)
class Adaptation:
    """What a recipe puts on its base before the first step; all else is frozen.

    Attributes:
        tuner: name in TUNERS.
        rank: of the update, where the tuner has one.
        alpha: numerator of its scaling alpha / r, where it has one.
        targets: ends of the names of the linear layers that get one.
        settings: further arguments of the tuner's config, or others than TUNERS has, as (name, value) pairs.
        seed: of what is drawn at the start; None draws it by the run's seed, so that two runs share no factor.
        matches: arm whose first update's norm the rate is scaled to, of the same base, data and seed; None scales nothing.
        optimizer: of OPTIMIZERS.

    Raises:
        SpecError: an unknown name, a rank below 1, or a tuner that cannot be trained here.
    """

    tuner: str
    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = PROJECTIONS
    settings: tuple[tuple[str, Value], ...] = field(default=())
    seed: int | None = None
    matches: str | None = None
    optimizer: str | None = None

    def __post_init__(self) -> None:
        if self.tuner not in TUNERS:
            near = get_close_matches(str(self.tuner), TUNERS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise SpecError(f"There is no tuner {self.tuner!r}; use one of {', '.join(TUNERS)}.{meant}")
        found = TUNERS[self.tuner]
        if not found.trains:
            raise SpecError(f"An arm cannot train {self.tuner}: {found.why}.")
        if self.rank < 1:
            raise SpecError(f"A rank of {self.rank} is no rank; give 1 or more.")
        if not self.targets:
            raise SpecError("An adapter needs the names of the layers that it is put on.")
        if self.optimizer not in OPTIMIZERS:
            raise SpecError(f"Optimizer {self.optimizer!r} of an adapter is not known; use {', '.join(map(str, OPTIMIZERS))}.")
        if self.optimizer and found.config != "LoraConfig":
            raise SpecError(f"{self.optimizer} steps the factors of LoRA; {self.tuner} has none.")

    @property
    def merges(self) -> bool:
        """Whether its update is a matrix."""
        return self.row.merges

    @property
    def row(self) -> Tuner:
        """What is known of its tuner."""
        return TUNERS[self.tuner]

    @classmethod
    def stored(cls, fields: dict) -> "Adaptation":
        """The adaptation out of a manifest, where tuples became lists."""
        return cls(**{name: _tuples(value) for name, value in fields.items()})


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
