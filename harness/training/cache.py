"""The cache of runs: content-addressed folders that any number of processes share.

    runs/<key>/             a complete run; appears at once, by a rename
    runs/<key>.tmp-<pid>/   one being trained: invisible to readers
    runs/<key>.diverged.json  instead of a run: the training diverged; it is not tried again
    runs/<key>.lock         held by the process that trains; the kernel frees it when that process dies, kill -9 included

Whoever holds the lock is the only writer, so a `.tmp-*` folder it finds was left by a process that died, and goes.
The others wait, or train another run meanwhile. No torch is imported until something must be trained.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from harness.errors import SpecError, TrainingError
from harness.models import scales
from harness.models.paths import cache_dir
from harness.training import recipes, runs
from harness.training.recipe import MODEL, Recipe
from harness.training.runs import Diverged, Run

Progress = Callable[[dict], None]
POLL_S = 0.2


@dataclass(frozen=True)
class Request:
    """A run that somebody needs."""

    arm: str
    scale: str
    seed: int

    @property
    def recipe(self) -> Recipe:
        """Raises SpecError where the scale offers no such arm."""
        recipe = recipes.get(self.arm, self.scale)
        if recipe is None:
            offered = ", ".join(recipes.arms(self.scale)) or "none"
            raise SpecError(f"Scale {self.scale!r} has no recipe for the arm {self.arm!r}; it offers {offered}.")
        return recipe

    @property
    def base(self) -> "Request | None":
        """The run it starts from; None for a fresh model and for a real one."""
        arm = self.recipe.base
        return Request(arm, self.scale, self.seed) if arm not in (None, MODEL) else None

    @property
    def key(self) -> str:
        """Content address, over the recipes of the whole lineage and the real model at its root."""
        base = self.base
        root = scales.get(self.scale).model_id if self.recipe.base == MODEL else None
        return self.recipe.key(self.scale, self.seed, base.key if base else root)

    @property
    def path(self) -> Path:
        """Folder of the complete run."""
        return cache_dir() / "runs" / self.key

    @property
    def record(self) -> Path:
        """File that says that the run diverged, where it did."""
        return self.path.with_name(f"{self.key}.diverged.json")


def find(request: Request) -> Run | None:
    """The run, if it and its base are complete in the cache."""
    base = find(request.base) if request.base else None
    if request.base and base is None:
        return None
    return runs.read(request.path, base)


def load(request: Request) -> Run:
    """The run.

    Raises:
        Diverged: it or a base of it diverged when it was trained.
        TrainingError: it is not in the cache.
    """
    run = find(request)
    if run is None:
        for each in lineage([request]):
            _refuse_diverged(each)
        raise TrainingError(f"The {request.arm} run of seed {request.seed} at scale {request.scale} is not trained yet.")
    return run


def lineage(requests: Iterable[Request]) -> list[Request]:
    """The requests and the bases that they start from, each once, bases first."""
    found: dict[Request, None] = {}

    def add(request: Request) -> None:
        if request.base:
            add(request.base)
        found[request] = None

    for request in requests:
        add(request)
    return sorted(found, key=_depth)


def missing(requests: Iterable[Request]) -> list[Request]:
    """What would have to be trained, bases first."""
    return [request for request in lineage(requests) if find(request) is None]


def try_ensure(request: Request, progress: Progress | None = None, *, device: str = "cpu") -> bool:
    """Train the run unless it exists or another process is at it; never waits.

    Returns:
        Whether the run is complete now.

    Raises:
        Diverged: the training left the finite numbers, now or when it was last tried.
        TrainingError: it has no signal, its base is missing, or the cache cannot be written.
    """
    if find(request):
        return True
    _refuse_diverged(request)
    folder = request.path.parent
    lock = FileLock(folder / f"{request.key}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise runs.unwritable(folder, error) from error
    try:
        if find(request) is None:  # another process may have finished it since
            _refuse_diverged(request)
            _train_into_place(request, progress, device)
    finally:
        lock.release()
    return True


def ensure_all(
    requests: Iterable[Request],
    progress: Progress | None = None,
    *,
    device: str = "cpu",
    waited: Callable[[float], None] | None = None,
) -> dict[Request, Run]:
    """Every run requested, trained where the cache lacks it. `progress` is also told of the runs to come (`others`).

    Parallel processes that ask for the same runs share the work: each takes a run that nobody is training, and waits
    only when none is left, and is told by `waited` for how many seconds.

    Raises:
        TrainingError: a run could not be trained; raised once the others are done.
    """
    wanted = list(requests)
    open_, failed = missing(wanted), {}
    while open_:
        before = len(open_)
        for request in list(open_):
            if request.base in failed:
                failed[request] = failed[request.base]
            elif request.base in open_:
                continue
            else:
                try:
                    if not try_ensure(request, _with_others(progress, request, open_), device=device):
                        continue
                except TrainingError as error:
                    failed[request] = error
            open_.remove(request)
        if open_ and len(open_) == before:
            time.sleep(POLL_S)
            if waited:
                waited(POLL_S)
    if failed:
        raise next(iter(failed.values()))
    return {request: load(request) for request in wanted}


def _with_others(progress: Progress | None, request: Request, open_: list[Request]) -> Progress | None:
    """Adds to what is told of a run the cost of its recipe, and the runs that are still to come."""
    if progress is None:
        return None
    others = [
        {"arm": each.arm, "scale": each.scale, "steps": each.recipe.steps, "cost_s": each.recipe.cost_s}
        for each in open_
        if each != request
    ]
    return lambda now: progress({**now, "cost_s": request.recipe.cost_s, "others": others})


def ensure(request: Request, progress: Progress | None = None, *, device: str = "cpu") -> Run:
    """One run, trained if need be together with its bases; waits while another process trains it."""
    return ensure_all([request], progress, device=device)[request]


def _train_into_place(request: Request, progress: Progress | None, device: str) -> None:
    """Train into a private folder, then rename it. The caller holds the lock."""
    from harness.training.train import train

    base, path = load(request.base) if request.base else None, request.path
    for stale in [*path.parent.glob(f"{path.name}.tmp-*"), path]:
        shutil.rmtree(stale, ignore_errors=True)
    partial = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        _placing(partial.mkdir)
        train(request, base, partial, progress, device=device)
        _placing(partial.replace, path)
    except Diverged as error:
        content = {"arm": request.arm, "scale": request.scale, "seed": request.seed, "says": str(error)}
        runs.write_file(request.record, json.dumps(content).encode())
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_diverged(request: Request) -> None:
    """Raise what a training of this very run has raised before."""
    try:
        says = json.loads(request.record.read_text())["says"]
    except (OSError, ValueError, KeyError):
        return
    raise Diverged(f"{says} (Recorded: delete {request.record.name} from the run cache to try again.)")


def _placing(action: Callable, *arguments: Path) -> None:
    """Make or rename a folder. Only the cache's own writes may be blamed on the cache, so `train` stays outside."""
    try:
        action(*arguments)
    except OSError as error:
        raise runs.unwritable(cache_dir() / "runs", error) from error


def _depth(request: Request) -> int:
    return 1 + _depth(request.base) if request.base else 0
