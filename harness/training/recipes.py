"""What a run is, as frozen data: one Recipe per arm and scale, and the key that addresses its result.

    key = sha256(recipe, scale, seed, key of the base run, LOOP_VERSION)[:20]

Two runs with one key have the same weights bit for bit on one machine with one thread. Every number here was chosen for
learning (held-out accuracy, reward) within the time allowed, on seeds 100-104; none by looking at a spectral measure.

The base of the tiny scale is stopped half-way, on a corpus that writes half of its sums backwards: it knows two conventions
and half of the sums, so sampled answers differ and there is something to reward. On one convention alone (operands to 99,
greedy accuracy .4-.5), 150-200 steps of RL at learning rates from 1e-5 to 1e-3 raised the reward by .03 at most (two seeds).

Arms of one scale share `data_seed_offset`, `batch // group` and the base: step t of each sees the same problems, so that
arms are paired by seed and by problem order. Weight decay is 0: decay alone moves every singular value.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

from harness.errors import SpecError
from harness.tasks import registry
from harness.tasks.base import Task

LOOP_VERSION = 1
"""Raise it with any change to the loops, the tiny model or the tasks that changes a run's weights."""

LOSSES = ("ce", "grpo", "dr_grpo", "dapo")


@dataclass(frozen=True)
class Part:
    """One task's place in a pretraining corpus.

    Attributes:
        task: name in harness.tasks.registry.
        share: of the sequences of a step.
        sizes: sizes of the task, as (name, value) pairs.
        backwards: share of its demonstrations whose answer is written backwards: a second convention that the base
            learns beside the first, so that what is sampled differs and a reward has something to select.
    """

    task: str
    share: float
    sizes: tuple[tuple[str, int], ...] = ()
    backwards: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """One way of changing weights.

    Attributes:
        arm: name of the arm, e.g. "rlvr".
        task: task trained on; for a pretraining mix, the one whose accuracy is aimed at.
        sizes: sizes of that task, as (name, value) pairs.
        steps: optimizer steps.
        batch: sequences per step; for RL, completions (`batch // group` problems).
        lr: peak learning rate.
        schedule: "constant" or "linear" (to 0 at the last step), after the warm-up.
        warmup: steps of linear warm-up.
        clip: largest gradient norm.
        group: completions per problem, the G of GRPO; 1 for cross-entropy.
        temperature: of sampling. The log-probabilities in the loss are taken at the same temperature.
        kl: weight of the k3 estimate of KL to the base in the loss; it is logged even where this is 0.
        loss: "ce" or a policy loss of `grpo.py`.
        clip_low, clip_high: the ratio is clipped to [1 - clip_low, 1 + clip_high].
        mix: parts of a pretraining corpus; empty for other arms.
        data_seed_offset: another stream of problems and samples from the same seed (a twin for the noise floor).
        snapshots: how many weights to keep, step 0 and the last included, log-spaced between.
        base: arm whose last weights this one starts from; None starts from a fresh initialisation.
        cost_s: CPU-seconds of one core that a run was measured to take, for the plan; not part of the key.
    """

    arm: str
    task: str
    steps: int
    batch: int
    lr: float
    optimizer: str = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: int = 0
    clip: float = 1.0
    group: int = 1
    temperature: float = 1.0
    kl: float = 0.0
    loss: str = "ce"
    clip_low: float = 0.2
    clip_high: float = 0.2
    mix: tuple[Part, ...] = ()
    data_seed_offset: int = 0
    snapshots: int = 8
    base: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    cost_s: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        def require(holds: bool, sentence: str) -> None:
            if not holds:
                raise SpecError(f"The recipe of arm {self.arm!r} is wrong: {sentence}.")

        require(self.loss in LOSSES, f"its loss {self.loss!r} is not one of {', '.join(LOSSES)}")
        require(self.optimizer == "adamw", f"its optimizer {self.optimizer!r} is not known; use 'adamw'")
        require(self.schedule in ("constant", "linear"), f"its schedule {self.schedule!r} is neither constant nor linear")
        require(self.steps >= 1 and self.batch >= 1, "it needs at least one step and one sequence a step")
        require(self.snapshots >= 2, "it keeps fewer than two snapshots (the first and the last)")
        require(self.batch % self.group == 0, f"{self.batch} completions do not divide into groups of {self.group}")
        require((self.loss == "ce") == (self.group == 1), "a policy loss needs a group above 1, cross-entropy a group of 1")

    @property
    def problems_per_step(self) -> int:
        """Distinct problems that one step sees."""
        return self.batch // self.group

    def tasks(self) -> dict[str, Task]:
        """Every task the recipe trains on, by name."""
        parts = [(part.task, part.sizes) for part in self.mix] or [(self.task, self.sizes)]
        return {name: registry.get(name, **dict(sizes)) for name, sizes in parts}

    def key(self, scale: str, seed: int, base_key: str | None) -> str:
        """Address of the run: 20 hex digits.

        Args:
            scale: name of the scale.
            seed: the replicate.
            base_key: key of the base run, None for an arm without one.
        """
        spec = asdict(self)
        del spec["cost_s"]
        spec["tasks"] = [task.spec() for task in self.tasks().values()]
        address = {"recipe": spec, "scale": scale, "seed": seed, "base": base_key, "loop_version": LOOP_VERSION}
        canonical = json.dumps(address, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]


_SUMS = (("high", 49),)  # 2500 problems: a tiny model knows about half of them after 500 steps

_PRETRAIN = Recipe(
    arm="pretrain",
    task="addition",
    sizes=_SUMS,
    mix=(Part("addition", 0.65, _SUMS, backwards=0.5), Part("sorting", 0.35)),
    steps=500,
    batch=128,
    lr=3e-3,
    schedule="linear",
    warmup=20,
    data_seed_offset=1000,
    cost_s=20,
)
_SFT = Recipe(arm="sft", task="addition", sizes=_SUMS, base="pretrain", steps=150, batch=16, lr=1e-4, warmup=5, cost_s=2)
_RLVR = replace(_SFT, arm="rlvr", batch=128, group=8, loss="grpo", cost_s=8)
_RLVR_TWIN = replace(_RLVR, arm="rlvr_twin", data_seed_offset=1)

RECIPES: dict[tuple[str, str], Recipe] = {
    (recipe.arm, "tiny"): recipe for recipe in (_PRETRAIN, _SFT, _RLVR, _RLVR_TWIN)
}


def get(arm: str, scale: str) -> Recipe | None:
    """The recipe of an arm at a scale; None where the scale offers no such arm."""
    return RECIPES.get((arm, scale))


def arms(scale: str) -> tuple[str, ...]:
    """Arms that a scale offers, in the order of their declaration."""
    return tuple(arm for arm, at in RECIPES if at == scale)
