"""What a diff is asked for, and what that comes to: which checkpoints, which matrices in which order, how many null draws on each.

    asked --opened--> Plan: steps (one for a pair, many for a trajectory) --by matrix--> tasks, in the order of `spread`

A task is one matrix at every step that is to be measured: its base is read and decomposed once for all of them.

Null draws. Of a trajectory only the last readable step has any, unless a number was asked for: they cost more than the reading, and
the evolution is in the values. Of a large model (`LARGE` entries and more) only one matrix of each module has any, each at
another depth: noise of one norm reads alike in matrices of one shape. A step that cannot be read is a sentence in `troubles`; the others go on.
"""

import hashlib
from collections.abc import Container, Iterator
from typing import NamedTuple

from harness.errors import ModelError
from harness.models.pair import Entry, Pair, Unmatched, trajectory
from harness.models.sample import first_of_each, spread

DRAWS = 3
LARGE = 2**28
SAMPLED = 1


class Asked(NamedTuple):
    """What a diff is of, and how.

    Attributes:
        base: path as the user gave it.
        tuned: the same; None where a trajectory is given.
        where: regular expression on the names of matrices; None takes all.
        draws: of each null on a matrix; None: DRAWS, in a trajectory at its last step alone.
        seed: of the draws.
        trajectory: folder of a run's checkpoints, in place of `tuned`.
        nulls: which matrices have null draws: "all", a "sample", or "auto": a sample in large models.
        budget: seconds after which no further matrix is begun; None measures all.
        frame: "auto", "partial" or "full", as `MatrixReader` takes it; "auto" is "full" in a trajectory.
        tolerance: largest error of a partial frame's values, as `MatrixReader` takes it.
        device: "cpu" or "cuda".
    """

    base: str
    tuned: str | None = None
    where: str | None = None
    draws: int | None = None
    seed: int = 0
    trajectory: str | None = None
    nulls: str = "auto"
    budget: float | None = None
    frame: str = "auto"
    tolerance: float = 0.05
    device: str = "cpu"


class Step(NamedTuple):
    """One tuned checkpoint, with its matrices by name; `number` is None outside a trajectory."""

    number: int | None
    path: str
    pair: Pair
    entries: dict[str, Entry]

    @classmethod
    def open(cls, number: int | None, path: str, asked: Asked) -> "Step":
        pair = Pair(asked.base, path, where=asked.where)
        return cls(number, path, pair, {entry.name: entry for entry in pair.entries})


class Task(NamedTuple):
    """One matrix at its steps.

    Attributes:
        entry: of its first step.
        steps: (number, null draws) in order.
        values: in which precision, see `diff_precision`.
    """

    entry: Entry
    steps: tuple[tuple[int | None, int], ...]
    values: str = "fp64"

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def work(self) -> float:
        """For comparing costs: multiplications of a product in the frame, for every update to be read."""
        rows, cols = self.entry.shape
        return rows * cols * min(rows, cols) * (1.0 + sum(1 + draws for _, draws in self.steps))


class Plan(NamedTuple):
    """An opened diff.

    Attributes:
        steps: that can be read, by number, rising.
        entries: matrices of any step, in the order of `spread`.
        drawn: names of those on which null draws are made.
        draws: how many, by step.
        troubles: a sentence for every step that cannot be read.
    """

    steps: dict[int | None, Step]
    entries: tuple[Entry, ...]
    drawn: frozenset[str]
    draws: dict[int | None, int]
    troubles: tuple[str, ...]

    @property
    def unmatched(self) -> Unmatched:
        """Of the last step."""
        return self._last.unmatched

    @property
    def left_out(self) -> dict[str, int]:
        """Of the last step, as `Pair.left_out`."""
        return self._last.left_out

    @property
    def _last(self) -> Pair:
        return next(reversed(self.steps.values())).pair

    def wanted(self, entry: Entry) -> tuple[tuple[int | None, int], ...]:
        """(step, draws) of one matrix at every step that has it."""
        has = entry.name in self.drawn
        return tuple((n, self.draws[n] if has else 0) for n, step in self.steps.items() if entry.name in step.entries)

    def tasks(self, known: Container[tuple[str, int | None, int]] = ()) -> Iterator[Task]:
        """What is left to do: matrices without the (name, step, draws) that are known already."""
        for entry in self.entries:
            left = tuple((n, draws) for n, draws in self.wanted(entry) if (entry.name, n, draws) not in known)
            if left:
                yield Task(entry, left)


def opened(asked: Asked) -> Plan:
    """Open both sides, or the base and every step.

    Raises:
        ModelError: a side cannot be read, no step can, or they share no matrix.
    """
    if asked.trajectory is None:
        steps, troubles = {None: Step.open(None, asked.tuned, asked)}, ()
    else:
        steps, troubles = _opened_steps(asked)
    entries = spread(tuple({name: each for step in steps.values() for name, each in step.entries.items()}.values()))
    drawn = first_of_each(entries, SAMPLED) if samples_nulls(asked.nulls, entries) else entries
    last = next(reversed(steps))
    draws = {number: _draws(asked, number == last) for number in steps}
    return Plan(steps, entries, frozenset(each.name for each in drawn), draws, troubles)


def samples_nulls(nulls: str, entries: tuple[Entry, ...]) -> bool:
    """Whether null draws are made on a sample of these matrices only."""
    size = sum(entry.shape[0] * entry.shape[1] for entry in entries)
    return nulls == "sample" or (nulls == "auto" and size > LARGE)


def seed_of(seed: int, name: str) -> int:
    """Of one matrix's draws, whatever the order and the number of processes."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _draws(asked: Asked, is_last: bool) -> int:
    if asked.draws is not None:
        return asked.draws
    return DRAWS if is_last else 0


def _opened_steps(asked: Asked) -> tuple[dict[int | None, Step], tuple[str, ...]]:
    steps: dict[int | None, Step] = {}
    errors: list[tuple[int, ModelError]] = []
    for number, path in trajectory(asked.trajectory):
        try:
            steps[number] = Step.open(number, str(path), asked)
        except ModelError as error:
            errors.append((number, error))
    if not steps:
        raise errors[0][1]
    return steps, tuple(f"step {number} is not measured: {error}" for number, error in errors)
