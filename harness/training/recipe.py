"""One way of changing weights, as frozen data, and the key that addresses what comes of it.

    key = sha256(recipe, scale, seed, key of the base run, LOOP_VERSION)[:20]

Two runs with one key have the same weights bit for bit on one machine with one thread. A recipe that cannot be carried out says
so when it is built, and not after training.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from harness.errors import SpecError
from harness.models.adapters import Adaptation
from harness.tasks import corpus, formats, registry
from harness.tasks.base import Task
from harness.training import finetunes, methods
from harness.training.continual import Continual
from harness.training.finetunes import Compression
from harness.training.methods import LanguageModelling, Matrices

LOOP_VERSION = 2
"""Raise it with any change to the loops, the tiny model or the tasks that changes a run's weights."""

LOSSES = ("ce", "grpo", "dr_grpo", "dapo")
MODEL = "model"
"""Base of an arm that starts from the weights that its scale's model is released with, and not from a run."""

DATA = ("gold", "off_policy", "raft")
OPTIMIZERS = ("adamw", "adam", "sgd")
STORAGES = ("fp32", "bf16", "bf16_sr", "fp16")  # those of harness.interventions.storage, which imports torch
MASKS = ("principal", "complement", "low", "safe", "random")  # likewise those of sparse_mask
SPECTRA = ("held", "only", "only_full_steps")  # of spectrum_training
SECOND_MOMENTS = "second_moments"
LATER = ("lm", "matrices", "compress", "spectrum", "keeps", "adapter", "continual", "noise", "pool")
"""Fields that came after runs were cached: each enters the hashed text only where it differs from its default."""


@dataclass(frozen=True)
class Part:
    """One task's place in a pretraining corpus.

    Attributes:
        task: name in harness.tasks.registry.
        share: of the sequences of a step.
        sizes: sizes of the task, as (name, value) pairs.
        backwards: share of its demonstrations whose answer is written backwards: a second convention that the base
            learns beside the first, so that what is sampled differs and a reward has something to select.
        direct: share of its demonstrations that state the answer without the steps before it; a second convention likewise.
    """

    task: str
    share: float
    sizes: tuple[tuple[str, int], ...] = ()
    backwards: float = 0.0
    direct: float = 0.0


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
        optimizer: "adamw", "adam" (decay inside the gradient) or "sgd" (momentum .9); see optimizers.py.
        schedule: "constant" or "linear" (to 0 at the last step), after the warm-up.
        warmup: steps of linear warm-up.
        clip: largest gradient norm.
        group: completions per problem, the G of GRPO and of RAFT; 1 where nothing is sampled.
        temperature: of sampling. The log-probabilities in the loss are taken at the same temperature.
        kl: weight of the k3 estimate of KL to the base in the loss; it is logged even where this is 0.
        loss: "ce" or a policy loss of `grpo.py`.
        data: what cross-entropy imitates: "gold" demonstrations, "off_policy" ones in a format that the base does not use
            (tasks/formats.py), or "raft", the right ones among `group` samples of the model itself.
        clip_low, clip_high: the ratio is clipped to [1 - clip_low, 1 + clip_high].
        mix: parts of a pretraining corpus, or from a base of what is imitated; empty for other arms.
        data_seed_offset: another stream of problems and samples from the same seed (a twin for the noise floor).
        storage: format that the weights are rounded to after every step; "fp32" rounds nothing.
        mask: the entries of the matrices that may move, by a name in MASKS; all other parameters are then held. None: all move.
        mask_fraction: share of the entries of each matrix under the mask.
        rotate: the base's values are rotated inside every head first, which changes its weights and not its function.
        snapshots: how many weights to keep, step 0 and the last included, log-spaced between; the last but one comes on top.
        lm: the text that the run is a language model of; `task` is then the name of its corpus. None: it trains on tasks.
        matrices: how the judged matrices are stepped, where not as all else: `lr` and `optimizer` are then all else's.
        compress: what of its base becomes low-rank before the first step, and what trains then; None: nothing does, all do.
        spectrum: what a projection after every step leaves of the matrices' moves, by a name in SPECTRA: "held" keeps their
            singular values, "only" moves nothing else. None projects nothing.
        adapter: what is put on its base before the first step; it alone trains then, and it alone is kept. None: nothing.
        keeps: SECOND_MOMENTS stores what Adam remembers of squared gradients at the end, beside the weights. None: nothing.
        continual: what it may not touch of the tasks before, and leaves for those after; the matrices alone train then. None: it
            is no task among others.
        noise: share of problems that are told with another answer, the same one whenever they are met (labels.py). None: none.
        pool: how many different training problems there are, drawn by the seed. None: all of the task's.
        base: arm whose last weights this one starts from; MODEL starts from the scale's own real weights, None from a fresh
            initialisation.
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
    data: str = "gold"
    clip_low: float = 0.2
    clip_high: float = 0.2
    mix: tuple[Part, ...] = ()
    data_seed_offset: int = 0
    storage: str = "fp32"
    mask: str | None = None
    mask_fraction: float = 0.5
    rotate: bool = False
    snapshots: int = 8
    base: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    lm: LanguageModelling | None = None
    matrices: Matrices | None = None
    compress: Compression | None = None
    spectrum: str | None = None
    keeps: str | None = None
    continual: Continual | None = None
    adapter: Adaptation | None = None
    noise: float | None = None
    pool: int | None = None
    cost_s: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        def require(holds: bool, sentence: str) -> None:
            if not holds:
                raise SpecError(f"The recipe of arm {self.arm!r} is wrong: {sentence}.")

        require(self.loss in LOSSES, f"its loss {self.loss!r} is not one of {', '.join(LOSSES)}")
        known = dict(optimizer=OPTIMIZERS, data=DATA, storage=STORAGES, mask=(None, *MASKS), spectrum=(None, *SPECTRA))
        known["keeps"] = (None, SECOND_MOMENTS)
        for name, values in known.items():
            value = getattr(self, name)
            require(value in values, f"its {name} {value!r} is not known; use {', '.join(map(str, values))}")
        require(self.schedule in ("constant", "linear"), f"its schedule {self.schedule!r} is neither constant nor linear")
        require(self.steps >= 1 and self.batch >= 1, "it needs at least one step and one sequence a step")
        require(self.snapshots >= 2, "it keeps fewer than two snapshots (the first and the last)")
        require(self.batch % self.group == 0, f"{self.batch} completions do not divide into groups of {self.group}")
        require(self.loss == "ce" or self.data == "gold", f"a policy loss samples its own data, not {self.data!r}")
        sampled = self.loss != "ce" or self.data == "raft"
        require(sampled == (self.group > 1), "a policy loss needs a group above 1 (raft too), cross-entropy a group of 1")
        require(not (self.rotate and self.base in (None, MODEL)), "there is no run of a tiny base to rotate")
        if self.lm:
            require(self.task == self.lm.corpus, f"its task {self.task!r} is not its corpus {self.lm.corpus!r}")
            require(not sampled and not self.mix and not self.sizes, "a language model of a text has no tasks, and samples nothing")
        if self.spectrum:
            require(self.storage == "fp32" and not self.mask, "a spectrum is projected on in fp32, and without a mask")
            require(not self.compress, "factors have no spectrum to project on")
        if self.keeps:
            plain = self.optimizer != "sgd" and not (self.matrices or self.compress or self.mask)
            require(plain, "second moments of every weight are those of Adam on all of them")
        if self.adapter:
            plain = not (self.matrices or self.compress or self.mask or self.spectrum or self.keeps or self.lm)
            require(plain and self.storage == "fp32", "an adapter trains alone: nothing of its base is stepped, masked or stored")
            require(self.adapter.merges, f"the update of {self.adapter.tuner} is no matrix ({self.adapter.row.why})")
            require(not self.adapter.optimizer or self.optimizer == "adamw", "an optimizer of factors stands in AdamW's place")
            require(self.adapter.matches != self.arm, "its first step is matched to its own")
        if self.noise is not None or self.pool is not None:
            imitates = self.loss == "ce" and self.data == "gold" and self.base is not None and not self.lm
            require(imitates, "only who imitates demonstrations is told wrong answers, or of few problems")
            require(self.noise is None or 0.0 < self.noise < 1.0, f"{self.noise} is no share of problems between 0 and 1")
            require(self.pool is None or self.pool >= 1, "a pool without problems teaches nothing")
            require(not self.adapter or not self.adapter.row.needs, "its adapter would look at problems outside the pool")
        if self.matrices:
            require(self.optimizer == "adamw" and not self.mask, "matrices are stepped apart beside AdamW, and without a mask")
        if self.continual:
            require(bool(self.matrices) and not self.lm, "tasks in turn are learned by matrices that are stepped apart")
            sketches = self.matrices is not None and self.matrices.method == "coso"
            require(sketches or self.continual.energy is None, "only a method with a sketch leaves directions to later tasks")
        if self.compress:
            trains = self.compress.trains
            require(trains in finetunes.TRAINS, f"it trains {trains!r}; use {', '.join(finetunes.TRAINS)}")
            require(bool(self.lm) and self.base not in (None, MODEL), "only a trained language model of a text is compressed")
            require(not (self.matrices or self.mask), "factors are stepped as all else, and have no mask")

    @property
    def problems_per_step(self) -> int:
        """Distinct problems that one step sees."""
        return self.batch // self.group

    @property
    def graded(self) -> str:
        """Task whose held-out accuracy tells what the arm gained; off-policy arms are graded in either format."""
        return formats.off_policy(self.task) if self.data == "off_policy" else self.task

    def tasks(self) -> dict[str, Task]:
        """Every task the recipe trains on or is graded by, by name; none where it is a language model of a text."""
        if self.lm:
            return {}
        parts = [(part.task, part.sizes) for part in self.mix] or [(self.task, self.sizes)]
        parts += [(self.graded, self.sizes)] if self.graded != self.task else []
        return {name: registry.get(name, **dict(sizes)) for name, sizes in parts}

    def _matched(self, scale: str) -> dict | None:
        """The recipe whose first step the rate is scaled to."""
        from harness.training import recipes

        if self.adapter.matches is None:
            return None
        other = recipes.get(self.adapter.matches, scale)
        if other is None or not other.adapter:
            raise SpecError(f"The recipe of arm {self.arm!r} matches the step of {self.adapter.matches!r}, which has no adapter.")
        return {name: value for name, value in asdict(other).items() if name not in ("cost_s", "arm", *LATER)} | {
            "adapter": asdict(other.adapter) | {"row": other.adapter.row.builds()}
        }

    def key(self, scale: str, seed: int, base_key: str | None) -> str:
        """Address of the run: 20 hex digits.

        Args:
            scale: name of the scale.
            seed: the replicate.
            base_key: key of the base run, or the id of the model that an arm on MODEL starts from; None for an arm without.
        """
        spec = asdict(self)
        del spec["cost_s"]
        for name in LATER:
            if spec[name] is None:
                del spec[name]
        if self.lm:
            spec["corpus"] = corpus.get(self.lm.corpus).spec()
        if self.matrices and methods.VERSION > 1:
            spec["methods"] = methods.VERSION
        if self.adapter:
            spec["adapter"] |= {"row": self.adapter.row.builds(), "of": self._matched(scale)}
        spec["tasks"] = [task.spec() for task in self.tasks().values()]
        address = {"recipe": spec, "scale": scale, "seed": seed, "base": base_key, "loop_version": LOOP_VERSION}
        canonical = json.dumps(address, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]
