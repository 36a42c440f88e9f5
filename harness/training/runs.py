"""A finished run on disk: weights by step, a log row per step, capability at the end (of a language model: see lm_run.py).

    <key>/manifest.json                 what it is; written last, with the size of every other file
    <key>/log.json                      one row per step
    <key>/weights-000100.safetensors    every parameter, fp32, after 100 steps; of a real model at steps between, the judged
                                        matrices alone, and nothing at step 0, which lies in the model's own folder
    <key>/adapter-000100.safetensors    of a run with adapters, in the place of weights: what trained, kilobytes; read merged
    <key>/adapter-fixed.safetensors     what of the adapters does not train
    <key>/second_moments.safetensors    Adam's exp_avg_sq of every parameter at the end, where the recipe keeps them
    <key>/history.safetensors           directions of every matrix that its tasks spanned, where it leaves them to later ones
    <key>.diverged.json                 instead of a folder: the run diverged, and the sentence that says so

A tiny run's own step-0 weights are its base, so an update needs no other folder. fp32 master weights are stored; what bf16
storage would have shown is a view of them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import TrainingError

if TYPE_CHECKING:
    from harness.interventions.heads import HeadMap
    from harness.models.handle import Handle
    from harness.models.tuners import Adapted
    from harness.spectra import Change
    from torch import Tensor

MANIFEST = "manifest.json"
LOG = "log.json"
MOMENTS = "second_moments.safetensors"
HISTORY = "history.safetensors"
FIXED = "adapter-fixed.safetensors"


class Diverged(TrainingError):
    """Training left the finite numbers. The same recipe would again, so the cache records it rather than retry."""


def unwritable(folder: Path, error: OSError) -> TrainingError:
    """What to raise where the cache cannot be written: disk full, no permission, read-only."""
    return TrainingError(
        f"The run cache {folder} cannot be written ({error.strerror or error}): free space there, or set HARNESS_CACHE to"
        " another folder; nothing half-written was kept."
    )


def weights_name(step: int) -> str:
    """File that holds the weights after this many steps."""
    return f"weights-{step:06d}.safetensors"


def adapter_name(step: int) -> str:
    """File that holds what trained of the adapters after this many steps."""
    return f"adapter-{step:06d}.safetensors"


@dataclass(frozen=True)
class Run:
    """Arm x scale x seed, trained.

    Attributes:
        key: content address, 20 hex digits.
        recipe: the recipe as a plain dict.
        path: folder.
        base: the run whose last weights this one started from.
        manifest: everything recorded at the end (versions, seconds, capability by step).
    """

    key: str
    arm: str
    scale: str
    seed: int
    recipe: dict[str, Any] = field(hash=False)
    path: Path
    base: "Run | None" = None
    manifest: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps whose weights were kept, rising; the first is 0."""
        return tuple(self.manifest["steps"])

    @property
    def adapter(self) -> dict[str, Any] | None:
        """The adaptation as a plain dict, where the run trained adapters; its update is read merged, in the base's frame."""
        return self.recipe.get("adapter")

    @property
    def root(self) -> str | None:
        """Id of the real model that the run started from; None where everything was trained here."""
        return self.manifest["root"]

    @property
    def capability(self) -> dict[str, float]:
        """Greedy accuracy on held-out problems by task, from lm-eval on the last weights; of a text, on its next characters."""
        return dict(self.manifest["capability"])

    @property
    def capability_bf16(self) -> dict[str, float]:
        """The same on the last weights rounded to bf16."""
        return dict(self.manifest["capability_bf16"])

    @property
    def capability_by_step(self) -> dict[int, dict[str, float]]:
        """The same as `capability` at every kept step, by step."""
        return {int(step): dict(found) for step, found in self.manifest["capability_by_step"].items()}

    def gain(self, step: int = -1) -> float:
        """Accuracy gained since step 0 on the task that the arm is graded by.

        Args:
            step: one of `steps`; -1 is the last.
        """
        seen, task = self.capability_by_step, self.manifest["graded"]
        return seen[self.steps[-1] if step == -1 else step][task] - seen[0][task]

    @cached_property
    def log(self) -> list[dict[str, float | int | None]]:
        """A row per step: step, loss, reward, kl, grad_norm, update_norm, lr, seconds."""
        return json.loads((self.path / LOG).read_text())

    def weights(self, step: int = -1) -> "dict[str, Tensor]":
        """What was kept at a step, fp32 on the CPU, by its name in the model: every parameter, or see the top of the file.

        Args:
            step: one of `steps`; -1 is the last.

        Raises:
            TrainingError: no weights were kept at this step, or the file cannot be read.
            ModelError: they are those of a real model whose folder cannot be read.
        """
        kept = self._kept(step)
        if self.root and kept == 0:
            checkpoint = self._real().checkpoint()
            return {name: tensor.float() for name, tensor in checkpoint.read(list(checkpoint.shapes))}
        if self.adapter:
            return self._merged(kept)
        return self._read(kept, lambda name: True)

    def matrices(self, step: int = -1) -> "dict[str, Tensor]":
        """The judged attention and MLP projections, fp32 (out, in), named as in `harness.models.weights`; raises as `weights`."""
        from harness.models.weights import short_name

        kept = self._kept(step)
        if not self.root:
            return projections(self.weights(kept))
        first = self._real().matrices()
        if kept == 0:
            return first
        wanted = lambda tensor: short_name(tensor) in first  # noqa: E731
        return projections(self._merged(kept, wanted) if self.adapter else self._read(kept, wanted))

    def second_moments(self) -> "dict[str, Tensor]":
        """Adam's exp_avg_sq after the last step, by parameter name, fp32: an average of squared gradients, after clipping.

        Raises:
            TrainingError: the recipe kept none, or the file cannot be read.
        """
        if self.recipe.get("keeps") is None:
            raise TrainingError(f"The recipe of {self.arm} keeps no second moments: give it keeps='second_moments'.")
        return self._open(MOMENTS, lambda name: True)

    def history(self) -> "dict[str, Tensor] | None":
        """Directions H (in, h) of every matrix that tasks up to this one spanned, by short name; None where it leaves none.

        Raises:
            TrainingError: the file cannot be read.
        """
        leaves = (self.recipe.get("continual") or {}).get("energy")
        return self._open(HISTORY, lambda name: True) if leaves else None

    def _kept(self, step: int) -> int:
        kept = self.steps[-1] if step == -1 else step
        if kept not in self.steps:
            raise TrainingError(f"Run {self.key} ({self.arm}, seed {self.seed}) kept steps {list(self.steps)}, not {step}.")
        return kept

    def _real(self) -> "Handle":
        from harness.models import scales
        from harness.models.handle import Handle

        return Handle(scales.get(self.scale))

    def adapter_tensors(self, step: int = -1) -> "dict[str, Tensor]":
        """What trained of the adapters at a step, by its name in the wrapped model.

        Raises:
            TrainingError: the run has none, or the file cannot be read.
        """
        if not self.adapter:
            raise TrainingError(f"Run {self.key} ({self.arm}) trained no adapters.")
        return self._open(adapter_name(self._kept(step)), lambda name: True)

    def _merged(self, step: int, wanted: Callable[[str], bool] = lambda name: True) -> "dict[str, Tensor]":
        from harness.training import adapted

        if step == 0:
            return {name: w for name, w in adapted.base_weights(self).items() if wanted(name)}
        self._reader.load(self.adapter_tensors(step))
        return self._reader.weights(wanted)

    @cached_property
    def _reader(self) -> "Adapted":
        from harness.training import adapted

        return adapted.reader(self, lambda file: self._open(file, lambda name: True))

    def _read(self, step: int, wanted: Callable[[str], bool]) -> "dict[str, Tensor]":
        return self._open(weights_name(step), wanted)

    def _open(self, file: str, wanted: Callable[[str], bool]) -> "dict[str, Tensor]":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path / file, framework="pt") as tensors:
                return {name: tensors.get_tensor(name) for name in tensors.keys() if wanted(name)}
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"The weights in {self.path} cannot be read ({error}); delete the folder to retrain.") from error

    def change(self) -> "Change":
        """Last weights minus first, matrix by matrix, with the kept steps between as its trajectory."""
        from harness.spectra import Change

        first, seen = self.matrices(0), self.capability_by_step
        path = tuple(
            (step, Change.from_weights(first, self.matrices(step), label=self.arm, capability=seen[step], gain=self.gain(step)))
            for step in self.steps[1:]
        )
        if self.root:
            self.__dict__.pop("_reader", None)  # a real model with its adapters: half a gigabyte a run, and runs are remembered
        return replace(
            path[-1][1],
            trajectory=path,
            capability_bf16=self.capability_bf16,
            graded=self.manifest["graded"],
            head_map=self._head_map(),
            arm=self.arm,
            seed=self.seed,
            run_keys=tuple(run.key for run in self.lineage()),
        )

    def _head_map(self) -> "HeadMap | None":
        from harness.training.rotated import head_map

        return head_map(self.weights(0), self.seed) if self.recipe["rotate"] else None

    def lineage(self) -> "tuple[Run, ...]":
        """This run, its base, the base's base ..."""
        return (self, *(self.base.lineage() if self.base else ()))


def write_file(path: Path, content: bytes) -> None:
    """Write a file of a run.

    Raises:
        TrainingError: the disk is full or the folder cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise unwritable(path.parent.parent, error) from error


def projections(weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors of a state dict that claims are about, under their short names; not copied."""
    from harness.models.weights import projections as named

    return {each.name: weights[each.tensor] for each in named({name: tensor.ndim for name, tensor in weights.items()})}


def read(path: Path, base: Run | None = None) -> Run | None:
    """The run in a folder; None unless its manifest is there and every file has the size that it states."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        whole = all((path / name).stat().st_size == size for name, size in manifest["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    if not whole:
        return None
    return Run(manifest["key"], manifest["arm"], manifest["scale"], manifest["seed"], manifest["recipe"], path, base, manifest)
