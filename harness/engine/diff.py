"""`harness diff`: what a fine-tune, or a whole run of checkpoints, did to every weight matrix, row by row into the store.

    plan of checkpoints and matrices --task by task, over processes--> rows --journal--> Parquet table `matrices`

A diff that was killed, ran out of its budget or met a damaged step goes on from its journal when it is asked for again: it measures
only what is missing, and stores all rows as one run.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from harness.engine import provenance
from harness.engine.diff_budget import Budget
from harness.engine.diff_journal import Journal, Line
from harness.engine.diff_plan import Asked as Asked
from harness.engine.diff_plan import Plan, Task, opened
from harness.engine.diff_precision import Precision
from harness.engine.diff_workers import AHEAD, Done, Measured, Measuring, measured
from harness.errors import ModelError
from harness.models.adapter_base import other_base
from harness.models.origin import swapped
from harness.models.pair import Entry, Unmatched
from harness.models.sample import first_of_each
from harness.store.schema import SCHEMA_VERSION
from harness.store.writer import Session

Progress = Callable[["Seen"], None]
SMALL = 1e9  # of `Task.work`: about 3 seconds, what a process takes to begin


class Seen(NamedTuple):
    """How far a diff is: matrices (at every step of a trajectory) and bytes done and in all, seconds since its start.

    `name` is of the matrix that was done last, with its step; `budget` the seconds that it may take, None without limit.
    """

    name: str
    done: int
    total: int
    bytes_done: int
    bytes_total: int
    seconds: float
    budget: float | None = None

    @property
    def seconds_left(self) -> float:
        """At the pace so far, by bytes; no more than the budget leaves."""
        left = self.seconds * (self.bytes_total / max(1, self.bytes_done) - 1)
        return left if self.budget is None else min(left, max(0.0, self.budget - self.seconds))


class Diffed(NamedTuple):
    """A finished diff.

    Attributes:
        run_id: of its run in the store.
        rows: of every matrix by layer and name, and by step.
        entries: all matrices that were selected; fewer have rows where a budget ran out.
        drawn: names of matrices on which null draws are made.
        unmatched, left_out: what is not compared, see `Pair`; of the last step.
        seconds: that it took.
        budget: seconds that it was given, or None.
        troubles: a sentence for every step that is not, or not wholly, measured.
        notes: what else there is to say.
    """

    run_id: str
    rows: list[dict]
    entries: tuple[Entry, ...]
    drawn: frozenset[str]
    unmatched: Unmatched
    left_out: dict[str, int]
    seconds: float
    budget: float | None
    troubles: tuple[str, ...]
    notes: tuple[str, ...]


def diff(asked: Asked, results: Path, *, processes: int | None = None, progress: Progress | None = None) -> Diffed:
    """Measure every matrix that both sides have, as far as the budget goes, and store the rows.

    Args:
        asked: the checkpoints and the settings.
        results: the store's folder, made if need be.
        processes: how many measure at once, one thread each; None: one a core, or this one alone where the work is done before
            others have begun. On a GPU always this one.
        progress: called after every matrix, in a trajectory at every step.

    Raises:
        ModelError: a side cannot be read, no step can, they share no matrix, or there is no such device.
        StoreError: the store cannot be written; what was measured before stays for the next try.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    _check_device(asked.device)
    plan = opened(asked)
    journal = Journal(results, asked, plan.steps)
    tasks = list(plan.tasks(journal))
    troubles, notes = dict.fromkeys(plan.troubles), dict.fromkeys(_hints(asked, plan))
    tell = _Telling(plan, journal, tasks, asked.budget, progress, began)
    budget = _budget(asked.budget, plan, journal)
    precision = Precision(plan, asked.tolerance)
    for line in journal.known.values():
        precision.note(line.name, line.rows)
    handed = precision.chosen(budget.within(tasks) if budget else tasks)
    workers = _workers(asked.device, processes, tasks)
    touched = set()
    for found in measured(Measuring(asked, plan), handed, workers, ahead=1 if budget else AHEAD):
        if isinstance(found, Done):
            if budget:
                budget.note(*found)
            continue
        notes |= {found.note: None} if found.note else {}
        if found.error:
            troubles.setdefault(f"step {found.step} is not measured on every matrix: {found.error}")
        else:
            touched.add(found.name)
            precision.note(found.name, found.rows)
            journal.add(Line(found.name, found.step, found.draws, found.rows, found.seconds))
        tell(found)
    rows = list(_owned(asked, plan, journal))
    if not rows:
        raise ModelError(next(iter(troubles)))
    seconds = time.perf_counter() - began
    counts = {"selected": len(plan.entries), "measured": len(touched), "errored": len(troubles)}
    run_id = _stored(asked, results, rows, {"started": started, "duration_s": seconds, **counts})
    if not troubles and not any(plan.tasks(journal)):
        journal.remove()
    about = (plan.entries, plan.drawn, plan.unmatched, plan.left_out, seconds, asked.budget)
    return Diffed(run_id, rows, *about, tuple(troubles), tuple(notes))


class _Telling:
    """Turns what was measured into `Seen`."""

    def __init__(
        self, plan: Plan, journal: Journal, tasks: list[Task], budget: float | None, progress: Progress | None, began: float
    ) -> None:
        self._sizes = {(task.name, n): plan.steps[n].pair.bytes_of(task.entry) for task in tasks for n, _ in task.steps}
        self._total = sum(len(plan.wanted(entry)) for entry in plan.entries)
        self._done = self._total - len(self._sizes)
        self._bytes, self._all_bytes = 0, sum(self._sizes.values())
        self._budget, self._progress, self._began = budget, progress, began

    def __call__(self, found: Measured) -> None:
        self._done += 1
        self._bytes += self._sizes[found.name, found.step]
        if self._progress:
            name = found.name if found.step is None else f"{found.name} at {found.step}"
            seconds = time.perf_counter() - self._began
            self._progress(Seen(name, self._done, self._total, self._bytes, self._all_bytes, seconds, self._budget))


def _budget(seconds: float | None, plan: Plan, journal: Journal) -> Budget | None:
    """One matrix of each module is sure; what was measured before tells what the others cost."""
    if seconds is None:
        return None
    budget = Budget(seconds, (entry.name for entry in first_of_each(plan.entries, 1)))
    for entry in plan.entries:
        lines = [line for number in plan.steps if (line := journal.known.get((entry.name, number)))]
        if lines:
            budget.note(Task(entry, tuple((line.step, line.draws) for line in lines)), sum(line.seconds for line in lines))
    return budget


def _workers(device: str, processes: int | None, tasks: list[Task]) -> int:
    if device != "cpu" or (processes is None and sum(task.work for task in tasks) < SMALL):
        return 1
    return min(processes or os.cpu_count() or 1, len(tasks))


def _hints(asked: Asked, plan: Plan) -> Iterable[str]:
    """What the files say about how the two sides belong together; of a trajectory the last step."""
    last = next(reversed(plan.steps.values())).path
    found = [None if asked.trajectory else swapped(asked.base, asked.tuned), other_base(asked.base, last)]
    return [hint for hint in found if hint]


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise ModelError(f"--device {device}: torch finds no CUDA device here; leave the option away to measure on the CPU.")


def _owned(asked: Asked, plan: Plan, journal: Journal) -> Iterable[dict]:
    """Rows with the columns that say whose they are."""
    for entry in sorted(plan.entries, key=lambda each: (each.layer, each.name)):
        rows, cols = entry.shape
        for number, step in plan.steps.items():
            line = journal.known.get((entry.name, number))
            if line is None or entry.name not in step.entries:
                continue
            own = step.entries[entry.name]
            whose = dict(base=asked.base, tuned=step.path, step=number, name=own.name, layer=own.layer, module=own.module)
            whose |= dict(rows=rows, cols=cols, base_dtype=own.base_dtype, tuned_dtype=own.tuned_dtype)
            yield from (whose | row for row in line.rows)


def _stored(asked: Asked, results: Path, rows: list[dict], run: dict) -> str:
    known = {**provenance.git_state(Path(__file__).parent), **provenance.versions(), **provenance.machine()}
    run = known | run | {"finished": datetime.now(UTC), "mode": "diff", "judged": "none", "schema_version": SCHEMA_VERSION}
    run |= {"seed_base": asked.seed, "seeds": asked.draws, "argv": " ".join(["harness", *sys.argv[1:]])}
    session = Session(results).open(run | {key: run[key].isoformat() for key in ("started", "finished")})
    session.commit({"matrices": rows, "runs": [run]})
    return session.run_id
