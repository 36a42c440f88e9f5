"""Measuring a diff's matrices, in this process or over several, one thread each.

A worker reads a matrix's base, decomposes it once, and reads every step's matrix through it. What it has measured goes back step by
step over a queue, so that a killed diff loses no more than the steps in flight. Checkpoints are opened once, by the parent: a file
that changes later is noticed by every worker, and no diff mixes two versions of it.
"""

import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from typing import TYPE_CHECKING, NamedTuple

from harness.engine.diff_plan import Asked, Plan, Task, seed_of
from harness.errors import ModelError, StoreError
from harness.models.paths import cache_dir

if TYPE_CHECKING:
    from harness.engine.matrix_rows import MatrixReader
    from harness.spectra.frame_store import FrameStore

AHEAD = 2  # tasks given to each process, the one that it works on included
FRAME_BYTES = 20 * 10**9
POLL_S = 0.5


class Measured(NamedTuple):
    """One matrix at one step, or why it could not be read.

    Attributes:
        rows: without the columns that say whose they are; empty where there is an error.
        seconds: since the task began, or since its step before.
        error: a sentence: this step's checkpoint could not be read.
        note: a sentence: what the frame store had to say.
    """

    name: str
    step: int | None
    draws: int
    rows: list[dict]
    seconds: float
    error: str | None = None
    note: str | None = None


class Done(NamedTuple):
    """A task is over, after so many seconds."""

    task: Task
    seconds: float


class Measuring:
    """How to measure any task: all that a worker needs, so it goes to another process.

    Args:
        asked: the settings.
        plan: the opened checkpoints.
    """

    def __init__(self, asked: Asked, plan: Plan) -> None:
        self._asked = asked
        self._pairs = {number: step.pair for number, step in plan.steps.items()}
        is_trajectory = asked.trajectory is not None
        self._frame = "full" if is_trajectory and asked.frame == "auto" else asked.frame
        self._frames: FrameStore | None = None

    def __call__(self, task: Task) -> Iterator[Measured]:
        """Rows of a task, a step at a time.

        Raises:
            ModelError: the base cannot be read any more; or the tuned side, where it is no trajectory.
        """
        began = time.perf_counter()
        reader = self._reader(task)
        for number, draws in task.steps:
            rows, error = [], None
            try:
                tuned = self._pairs[number].tuned(task.entry)
            except ModelError as raised:
                if number is None:
                    raise
                error = str(raised)
            else:
                rows = list(reader.rows(tuned, draws=draws))
            now = time.perf_counter()
            note = self._frames.trouble if self._frames else None
            yield Measured(task.name, number, draws, rows, now - began, error, note)
            began = now

    def _reader(self, task: Task) -> "MatrixReader":
        from harness.engine.matrix_rows import MatrixReader
        from harness.spectra.frame_store import FrameStore

        if self._frames is None and self._frame == "full":
            self._frames = FrameStore(cache_dir() / "frames", FRAME_BYTES)
        asked, w0 = self._asked, self._pairs[task.steps[0][0]].base(task.entry)
        settings = dict(frame=self._frame, tolerance=asked.tolerance, device=asked.device, frames=self._frames)
        return MatrixReader(w0, seed=seed_of(asked.seed, task.name), values=task.values, **settings)


def measured(measuring: Measuring, tasks: Iterable[Task], processes: int, ahead: int = AHEAD) -> Iterator[Measured | Done]:
    """Every task's rows as they come, and Done behind its last ones.

    Args:
        measuring: what a task is measured with.
        tasks: taken one by one as processes become free.
        processes: how many work at once; with 1 nothing is spawned.
        ahead: tasks given to each process, so that none waits.

    Raises:
        ModelError: see `Measuring`.
        StoreError: the system killed a process.
    """
    if processes > 1:
        yield from _over_processes(measuring, iter(tasks), processes, ahead)
        return
    for task in tasks:
        began = time.perf_counter()
        yield from measuring(task)
        yield Done(task, time.perf_counter() - began)


def _over_processes(measuring: Measuring, tasks: Iterator[Task], processes: int, ahead: int) -> Iterator[Measured | Done]:
    context = get_context("spawn")
    queue, running = context.Queue(), {}
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(measuring, queue)) as pool:

        def submit() -> None:
            for task in islice(tasks, max(0, processes * ahead - len(running))):
                running[task.name] = pool.submit(_work, task)

        try:
            submit()
            while running:
                try:
                    found = queue.get(timeout=POLL_S)
                except Empty:
                    _raise_failed(running.values())
                    continue
                if isinstance(found, Done):
                    running.pop(found.task.name)
                yield found
                submit()
        except BrokenProcessPool as error:
            raise StoreError(
                "the system killed a process of this diff, most often for its memory; what was measured is kept: ask again with "
                "--processes 1"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _raise_failed(futures: Iterable[Future]) -> None:
    for future in futures:
        if future.done():
            future.result()


def _begin(measuring: Measuring, queue: Queue) -> None:
    """Called in a fresh process."""
    from harness import memory, threads

    threads.configure()
    memory.return_large_blocks()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches every process: the parent says what there is to say
    global _measuring, _queue
    _measuring, _queue = measuring, queue
    queue.cancel_join_thread()  # else a parent that gave up would wait for a worker that waits for its rows to be read


def _work(task: Task) -> None:
    began = time.perf_counter()
    for found in _measuring(task):
        _queue.put(found)
    _queue.put(Done(task, time.perf_counter() - began))
