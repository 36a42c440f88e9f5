"""What can be profiled: a run of the cache, a pair of checkpoints, a folder of them. Each gives a base matrix and later ones.

    Trained    an arm's run: all judged matrices at every snapshot; adapters are read merged
    Stored     BASE and TUNED, or BASE and a folder whose checkpoints are steps: as `harness diff` reads them

A real model's matrices are many: of a pair with more than MANY, or of large ones, PER_MODULE of each module are taken, spread
over the depth (harness.models.sample), unless a number or a regular expression says which.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from harness.claims.names import unknown
from harness.engine import arms
from harness.engine.diff_plan import LARGE, Plan, opened
from harness.engine.diff_plan import Asked as DiffAsked
from harness.errors import ModelError, SpecError
from harness.models import scales
from harness.models.layout import place
from harness.models.pair import Entry
from harness.models.sample import first_of_each
from harness.training import recipes
from harness.training.cache import Request

if TYPE_CHECKING:
    from harness.training.runs import Run
    from torch import Tensor

MANY, PER_MODULE = 32, 3
NO_STEP = 0


class Selection(NamedTuple):
    """Which matrices: where a regular expression is found in the name; how many of each module (None: see above; 0: all)."""

    where: str | None = None
    per_module: int | None = None

    @property
    def pattern(self) -> re.Pattern:
        """Raises ModelError where it is no regular expression."""
        try:
            return re.compile(self.where or "")
        except re.error as error:
            raise ModelError(f"{self.where!r} is no regular expression ({error}): write it as in 'layers.1?.mlp'.") from error


class Subject(Protocol):
    """What a profile is of.

    Attributes:
        columns: of table profiles that say whose rows they are: subject, and of a run arm, scale, seed and run_key.
        entries: matrices that are read, by layer and name.
        total: how many there are to choose from.
        steps: numbers, rising.
        troubles: sentences about what cannot be read.
        notes: sentences about what is not compared.
    """

    columns: dict[str, str | int]
    entries: tuple[Entry, ...]
    total: int
    steps: tuple[int, ...]
    troubles: tuple[str, ...]
    notes: tuple[str, ...]

    def base(self, entry: Entry) -> "Tensor":
        """W0."""

    def tuned(self, entry: Entry) -> "Iterator[tuple[int, Tensor | ModelError]]":
        """The matrix at every step that has it, or why it could not be read."""


def request(arm: str, scale: str, seed: int) -> Request:
    """The run of an arm at a scale, checked without training anything.

    Raises:
        SpecError: no such arm; one that is drawn and not trained; a family; or the scale does not offer it.
        ModelError: no such scale.
    """
    scales.get(scale)
    if arm in arms.SYNTHETIC:
        raise SpecError(f"the arm {arm!r} is drawn, not trained: it has no run; every profile shows noise beside its curves")
    if arm in arms.FAMILIES:
        some = ", ".join(arms.members(arm)[:3])
        raise SpecError(f"{arm!r} is a family of arms: name one of them, such as {some}")
    if arm not in arms.trained():
        raise unknown("arm", arm, arms.trained())
    found = Request(arm, scale, seed)
    found.recipe  # noqa: B018 - raises where the scale has none
    return found


def cost(requests: Sequence[Request]) -> float:
    """Seconds that training these takes, as their recipes state."""
    return sum(recipes.get(each.arm, each.scale).cost_s for each in requests)


class Trained:
    """A run of the cache.

    Args:
        run: finished.
        selection: which matrices.
        last: read the last snapshot alone.

    Raises:
        ModelError: the selection leaves nothing.
    """

    troubles = notes = ()

    def __init__(self, run: "Run", selection: Selection, *, last: bool = False) -> None:
        self._run = run
        self.columns = {"subject": f"{run.arm} seed {run.seed} [{run.scale}]", "arm": run.arm, "scale": run.scale}
        self.columns |= {"seed": run.seed, "run_key": run.key}
        later = run.steps[1:] or run.steps
        self.steps = later[-1:] if last else later
        self._base = run.matrices(0)
        everything = [_entry(name, tuple(w.shape)) for name, w in self._base.items()]
        self.total = len(everything)
        self.entries = _chosen(everything, selection)
        names = {entry.name for entry in self.entries}
        self._later = {step: {name: w for name, w in run.matrices(step).items() if name in names} for step in self.steps}

    def base(self, entry: Entry) -> "Tensor":
        return self._base[entry.name]

    def tuned(self, entry: Entry) -> "Iterator[tuple[int, Tensor]]":
        return ((step, self._later[step][entry.name]) for step in self.steps)


class Stored:
    """Checkpoints on disk: a pair, or a base and a run's steps. A pair's only step has the number NO_STEP.

    Args:
        base, tuned, trajectory: paths; one of the last two.
        selection: which matrices.
        last: read the last step of a trajectory alone.

    Raises:
        ModelError: a side cannot be read, no step can, they share no matrix of equal shape, or the selection leaves nothing.
    """

    def __init__(
        self, base: str, tuned: str | None, trajectory: str | None, selection: Selection, *, last: bool = False
    ) -> None:
        self._plan: Plan = opened(DiffAsked(base, tuned, selection.where, trajectory=trajectory))
        self.columns = {"subject": f"{tuned or trajectory} of {base}"}
        self._numbers = list(self._plan.steps)[-1:] if last else list(self._plan.steps)
        self.steps = tuple(NO_STEP if number is None else number for number in self._numbers)
        self.total = len(self._plan.entries)
        self.entries = _chosen(self._plan.entries, selection)
        self.troubles = self._plan.troubles
        other = self._plan.unmatched.other_shape
        some = ", ".join(other[:3]) + ", ..." * (len(other) > 3)
        self.notes = (f"not compared, as their shapes differ: {some}",) if other else ()

    def base(self, entry: Entry) -> "Tensor":
        first = next(self._plan.steps[number] for number in self._numbers if entry.name in self._plan.steps[number].entries)
        return first.pair.base(entry)

    def tuned(self, entry: Entry) -> "Iterator[tuple[int, Tensor | ModelError]]":
        for number, step in zip(self._numbers, self.steps, strict=True):
            found = self._plan.steps[number]
            if entry.name not in found.entries:
                continue
            try:
                yield step, found.pair.tuned(entry)
            except ModelError as error:
                if number is None:
                    raise
                yield step, error


def _chosen(entries: Sequence[Entry], selection: Selection) -> tuple[Entry, ...]:
    kept = [entry for entry in entries if selection.pattern.search(entry.name)]
    if not kept:
        some = ", ".join(entry.name for entry in entries[:3])
        raise ModelError(f"{selection.where!r} selects none of {len(entries)} matrices: they are called {some} and so on.")
    count = selection.per_module
    if count is None:
        size = sum(rows * cols for rows, cols in (entry.shape for entry in kept))
        count = PER_MODULE if selection.where is None and (len(kept) > MANY or size > LARGE) else 0
    return tuple(sorted(first_of_each(kept, count) if count else kept, key=lambda each: (each.layer, each.name)))


def _entry(name: str, shape: tuple[int, int]) -> Entry:
    at = place(name)
    return Entry(name, at.layer if at else -1, f"{at.stack}{at.module}" if at else name, shape, "float32", "float32")
