"""`harness diff BASE TUNED`: what a fine-tune did to every weight matrix, row by row into the store.

    pair of checkpoints --matrix by matrix, over processes--> rows --journal--> Parquet table `matrices`

Every finished matrix is a line of results/inflight/diff-<key>.partial; the key is that of both sides' files and of the settings.
So a diff that was killed and is asked for again measures only what is missing, and nothing is stored twice. It is no session's
journal (those end in .jsonl), which `harness recover` would bring back: only the same diff can go on with it.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from harness.engine import provenance
from harness.errors import StoreError
from harness.store.schema import SCHEMA_VERSION
from harness.store.writer import Session

Progress = Callable[["Seen"], None]
AHEAD = 2  # matrices waiting for each process


class Asked(NamedTuple):
    """What a diff is of.

    Attributes:
        base, tuned: paths as the user gave them.
        where: regular expression on the names of matrices; None takes all.
        draws: of each null on each matrix.
        seed: of the draws.
        step: of the tuned checkpoint in a trajectory, None for a single pair.
    """

    base: str
    tuned: str
    where: str | None = None
    draws: int = 3
    seed: int = 0
    step: int | None = None


class Seen(NamedTuple):
    """How far a diff is: matrices and bytes done and in all, seconds since its start."""

    name: str
    done: int
    total: int
    bytes_done: int
    bytes_total: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """At the pace so far, by bytes."""
        return self.seconds * (self.bytes_total / max(1, self.bytes_done) - 1)


class Diffed(NamedTuple):
    """A finished diff: its run in the store, its rows, what the two sides do not share."""

    run_id: str
    rows: list[dict]
    unmatched: object


def diff(asked: Asked, results: Path, *, processes: int | None = None, progress: Progress | None = None) -> Diffed:
    """Measure every matrix that both sides have and store the rows.

    Args:
        asked: the pair and the settings.
        results: the store's folder, made if need be.
        processes: how many measure at once, one thread each; None: one a core. With 1 nothing is spawned.
        progress: called after every matrix.

    Raises:
        ModelError: a side cannot be read, or they share no matrix.
        StoreError: the store cannot be written; what was measured before stays for the next try.
    """
    pair = _pair(asked.base, asked.tuned, asked.where)
    journal = results / "inflight" / f"diff-{_key(asked)}.partial"
    known = _journalled(journal)
    todo = [entry.name for entry in pair.entries if entry.name not in known]
    sizes = {entry.name: entry.shape[0] * entry.shape[1] * 4 for entry in pair.entries}  # two sides in 16 bits
    entries = {entry.name: entry for entry in pair.entries}
    run = _run(asked) | {"started": datetime.now(UTC)}
    began, done = time.perf_counter(), 0
    for name, rows in _measured(asked, todo, processes or os.cpu_count() or 1):
        known[name] = rows
        _append(journal, name, rows)
        done += sizes[name]
        if progress:
            left = [sizes[each] for each in todo]
            progress(Seen(name, len(known), len(entries), done, sum(left), time.perf_counter() - began))
    rows = [_owned(asked, entries[name], row) for name in entries for row in known[name]]
    run |= {"finished": datetime.now(UTC), "duration_s": time.perf_counter() - began, "measured": len(todo)}
    session = Session(results).open({**run, **{key: run[key].isoformat() for key in ("started", "finished")}})
    session.commit({"matrices": rows, "runs": [run]})
    journal.unlink(missing_ok=True)
    return Diffed(session.run_id, rows, pair.unmatched)


def _measured(asked: Asked, names: list[str], processes: int) -> Iterator[tuple[str, list[dict]]]:
    """Rows of each matrix, in the order in which they are done."""
    processes = min(processes, len(names))
    if processes <= 1:
        for name in names:
            yield name, _rows_of(asked, name)
        return
    waiting, running = iter(names), {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        def more() -> None:
            for name in waiting:
                running[pool.submit(_rows_of, asked, name)] = name
                if len(running) >= processes * AHEAD:
                    return

        more()
        try:
            while running:
                for finished in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(finished), finished.result()
                more()
        finally:
            pool.shutdown(cancel_futures=True)


def _rows_of(asked: Asked, name: str) -> list[dict]:
    from harness.engine.matrix_rows import matrix_rows

    pair = _pair(asked.base, asked.tuned, asked.where)
    entry = next(each for each in pair.entries if each.name == name)
    [(_, w0, w1)] = pair.read([entry], prefetch=0)
    digest = hashlib.sha256(f"{asked.seed}|{name}".encode()).digest()
    return list(matrix_rows(w0, w1, draws=asked.draws, seed=int.from_bytes(digest[:8], "big") >> 1))


@lru_cache(maxsize=2)
def _pair(base: str, tuned: str, where: str | None):
    from harness.models.pair import Pair

    return Pair(base, tuned, where=where)


def _one_thread() -> None:
    from harness import threads

    threads.configure()


def _owned(asked: Asked, entry, row: dict) -> dict:
    rows, cols = entry.shape
    whose = dict(base=asked.base, tuned=asked.tuned, step=asked.step, name=entry.name, layer=entry.layer, module=entry.module)
    return whose | dict(rows=rows, cols=cols, base_dtype=entry.base_dtype, tuned_dtype=entry.tuned_dtype) | row


def _run(asked: Asked) -> dict:
    known = {**provenance.git_state(Path(__file__).parent), **provenance.versions(), **provenance.machine()}
    return {**known, "mode": "diff", "judged": "none", "schema_version": SCHEMA_VERSION, "seed_base": asked.seed, "seeds": asked.draws}


def _key(asked: Asked) -> str:
    """Of the files' names, sizes and times on both sides, and of the settings."""
    from harness.engine.matrix_rows import METRIC_VERSION

    files = [_fingerprint(Path(side)) for side in (asked.base, asked.tuned)]
    text = json.dumps([files, asked.where, asked.draws, asked.seed, METRIC_VERSION])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fingerprint(side: Path) -> list[tuple[str, int, int]]:
    found = sorted(side.iterdir()) if side.is_dir() else [side]
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()]


def _journalled(journal: Path) -> dict[str, list[dict]]:
    """Rows by matrix from a diff that was killed; a line that was being written is dropped."""
    known = {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            known[entry["name"]] = entry["rows"]
    return known


def _append(journal: Path, name: str, rows: list[dict]) -> None:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "rows": rows}, allow_nan=False) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {journal}: {error.strerror or error}; free space, and ask again: nothing is lost") from error
