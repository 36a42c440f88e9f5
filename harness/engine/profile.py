"""`harness profile`: curves and maps of every matrix of a run, or of checkpoints, at every step, into the store.

    subjects --matrix by matrix, each base decomposed once--> rows --one session of mode "profile"--> Parquet table `profiles`

Nothing is judged, and no verdict, flip or duration of other sessions is touched by it. A step or matrix that cannot be read is
a sentence in `troubles`; all others are stored.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.engine import provenance
from harness.engine.diff import Seen
from harness.engine.diff_plan import seed_of
from harness.engine.profile_subjects import Selection, Stored, Subject, Trained, cost, request
from harness.errors import ModelError, SpecError
from harness.store.schema import SCHEMA_VERSION
from harness.store.writer import Session
from harness.training import cache
from harness.training.cache import Request

if TYPE_CHECKING:
    from harness.engine.profile_layers import Read
    from harness.training.runs import Run

Progress = Callable[[Seen], None]
Tell = Callable[[str], None]


class Asked(NamedTuple):
    """What a profile is of, and how.

    Attributes:
        arms: of runs; or none, and `base` with `tuned` or `trajectory`: checkpoints on disk.
        scale, seed: of the runs; the seed is that of the draws as well.
        last: the last step alone.
        selection: which matrices.
        draws: of the noise on every matrix at every step.
    """

    arms: tuple[str, ...] = ()
    scale: str = "tiny"
    seed: int = 0
    base: str | None = None
    tuned: str | None = None
    trajectory: str | None = None
    last: bool = False
    selection: Selection = Selection()
    draws: int = 3


class Profiled(NamedTuple):
    """One subject, as far as it was read.

    Attributes:
        name: of the subject.
        matrices, total: how many were read, of how many.
        steps: numbers.
        rows: how many were stored.
        notes: what there is to say about it.
    """

    name: str
    matrices: int
    total: int
    steps: tuple[int, ...]
    rows: int
    notes: tuple[str, ...]


class Profiles(NamedTuple):
    """A finished profile: its run in the store and that file's bytes, its subjects, seconds, a sentence for all that is bad."""

    run_id: str
    bytes: int
    subjects: tuple[Profiled, ...]
    seconds: float
    troubles: tuple[str, ...]


def profile(
    asked: Asked,
    results: Path,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
    training: Callable[[dict], None] | None = None,
) -> Profiles:
    """Read and store.

    Args:
        asked: the runs or checkpoints, and the settings.
        results: the store's folder, made if need be.
        progress: called after every matrix at every step.
        tell: called with a sentence before something is trained.
        training: called while it is, as the training loop does.

    Raises:
        SpecError, ModelError: an arm, scale or checkpoint that there is not; nothing is written then.
        TrainingError: a run could not be trained.
        StoreError: the store cannot be written; said before anything is trained or read.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    _ = asked.selection.pattern  # said before anything is trained
    requests = [request(arm, asked.scale, asked.seed) for arm in dict.fromkeys(asked.arms)]
    stored = [] if requests else [_stored(asked)]
    run = _provenance(asked) | {"started": started}
    session = Session(results).open(run | {"started": started.isoformat()})
    try:
        runs = _runs(requests, tell, training)
        subjects: list[Subject] = stored or [Trained(each, asked.selection, last=asked.last) for each in runs]
        told = _Telling(subjects, progress, began)
        rows, done, troubles = [], [], [trouble for each in subjects for trouble in each.troubles]
        for subject in subjects:
            own = list(_rows(subject, asked, told, troubles))
            sizes = len(subject.entries), subject.total, subject.steps, len(own)
            done.append(Profiled(subject.columns["subject"], *sizes, subject.notes))
            rows += own
        if not rows:
            raise ModelError(troubles[0])
        seconds = time.perf_counter() - began
        run |= {"duration_s": seconds, "selected": told.total, "measured": told.done, "errored": len(troubles)}
        session.journal_path.unlink(missing_ok=True)  # it holds no rows: nobody shall be told to recover them
        session.commit({"profiles": rows, "runs": [run | {"finished": datetime.now(UTC)}]})
    except BaseException:
        _removed(session)
        raise
    file = results / "profiles" / session.run_path.parent.name / session.run_path.name
    return Profiles(session.run_id, file.stat().st_size, tuple(done), seconds, tuple(dict.fromkeys(troubles)))


def _stored(asked: Asked) -> Stored:
    if asked.base is None:
        raise SpecError("nothing to profile: name an arm, or give --base with --tuned or --trajectory")
    return Stored(asked.base, asked.tuned, asked.trajectory, asked.selection, last=asked.last)


def _runs(requests: list[Request], tell: Tell | None, training: Callable[[dict], None] | None) -> "list[Run]":
    missing = cache.missing(requests)
    if missing and tell:
        names = ", ".join(f"{each.arm} seed {each.seed} [{each.scale}]" for each in missing)
        tell(f"training what the run cache lacks, some {cost(missing):.0f} s: {names}")
    found = cache.ensure_all(requests, training)
    return [found[each] for each in requests]


def _rows(subject: Subject, asked: Asked, told: "_Telling", troubles: list[str]) -> Iterator[dict]:
    """Matrix by matrix and step by step; then what goes over layers, by step."""
    from harness.engine.profile_layers import Read, layer_rows
    from harness.engine.profile_rows import MatrixProfile

    numbers: dict[int, list[Read]] = defaultdict(list)
    damaged: dict[str, None] = {}
    for entry in subject.entries:
        reader = MatrixProfile(entry.name, subject.base(entry), seed=seed_of(asked.seed, entry.name), draws=asked.draws)
        about = {"matrix": entry.name, "layer": entry.layer, "module": entry.module}
        for step, w1 in subject.tuned(entry):
            if isinstance(w1, ModelError):
                troubles.append(f"step {step} is not measured on every matrix: {w1}")
                continue
            found = reader.read(w1)
            if found.damage:
                damaged[entry.name] = None
            numbers[step].append(Read(entry.layer, entry.module, found.numbers))
            yield from (subject.columns | {"step": step} | about | row for row in found.rows)
            told(entry.name, step, w1.nbytes)
    for step, read in sorted(numbers.items()):
        yield from (subject.columns | {"step": step} | row for row in layer_rows(read, asked.draws))
    if damaged:
        some = ", ".join(list(damaged)[:3]) + (", ..." if len(damaged) > 3 else "")
        troubles.append(f"weights that are not finite, in {len(damaged)} of the matrices ({some}): the rows say where")


class _Telling:
    """Turns what was read into `Seen`."""

    def __init__(self, subjects: list[Subject], progress: Progress | None, began: float) -> None:
        sizes = [4 * entry.shape[0] * entry.shape[1] * len(each.steps) for each in subjects for entry in each.entries]
        self.total = sum(len(each.entries) * len(each.steps) for each in subjects)
        self.done, self._bytes, self._all_bytes = 0, 0, sum(sizes)
        self._progress, self._began = progress, began

    def __call__(self, name: str, step: int, size: int) -> None:
        self.done, self._bytes = self.done + 1, self._bytes + size
        if self._progress:
            seconds = time.perf_counter() - self._began
            self._progress(Seen(f"{name} at {step}", self.done, self.total, self._bytes, self._all_bytes, seconds))


def _removed(session: Session) -> None:
    """A profile is quick: one that failed is asked for again, not recovered, and leaves nothing."""
    for path in (session.journal_path, *session.results_dir.glob(f"*/*/{session.run_id}.parquet")):
        path.unlink(missing_ok=True)


def _provenance(asked: Asked) -> dict:
    known = {**provenance.git_state(Path(__file__).parent), **provenance.versions(), **provenance.machine()}
    known |= {"mode": "profile", "judged": "none", "schema_version": SCHEMA_VERSION}
    known["argv"] = " ".join(["harness", *sys.argv[1:]])
    return known | {"seed_base": asked.seed, "seeds": asked.draws} | ({"scales": [asked.scale]} if asked.arms else {})
