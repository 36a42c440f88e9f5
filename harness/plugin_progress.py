"""Progress of a pytest session: what is being trained or measured, on one line below pytest's own.

    this process trains         --tell-->  Board
    workers of pytest-xdist     --a file each-->  Board, which looks twice a second

Workers never write to the terminal, so that two of them cannot garble it. The line is drawn while nobody else writes: every
hook in which pytest's reporter prints erases it first, under a lock. Where there is no terminal it says at most a line an
arm, between claims.
"""

import json
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.report import progress
from harness.report.look import look

LOOK_S = 0.5
FRESH_S = 60.0
"""A worker that said nothing for so long is doing something else."""
INPUT = "claim_progress"


def teller(config: pytest.Config) -> Callable[[Mapping], None]:
    """What the engine calls in this process with how far it is."""
    folder = getattr(config, "workerinput", {}).get(INPUT)
    if folder is not None:
        return _Note(Path(folder) / f"{config.workerinput['workerid']}.json")
    board = config.pluginmanager.get_plugin(Board.NAME)
    return board.tell if board else lambda now: None


class _Note:
    """A worker's file: what it does now, and of which arms it has finished a run."""

    def __init__(self, path: Path) -> None:
        self._path, self._done = path, {}

    def __call__(self, now: Mapping) -> None:
        if _is_run_done(now):
            self._done.setdefault(f"{now['arm']} {now['scale']}", dict(now))
        partial = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            partial.write_text(json.dumps({"now": dict(now), "done": list(self._done.values()), "at": time.time()}))
            os.replace(partial, self._path)
        except OSError:  # the folder went with a controller that was killed: no reason to lose a training
            return


class Board:
    """The controlling process's line, and the lines that a log gets."""

    NAME = "harness-progress"

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lock = threading.RLock()
        self._pace = progress.Pace()
        self._told: set[tuple[str, str]] = set()
        self._pending: list[str] = []
        self._folder = Path(tempfile.gettempdir()) / f"harness-progress-{secrets.token_hex(8)}"  # made by the first that speaks
        self._ended: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._stream = self._line = None
        how = look(sys.__stdout__)
        if how.live and config.pluginmanager.has_plugin("terminal"):  # our own descriptor: in tests 1 leads to pytest's capture
            self._stream = os.fdopen(os.dup(sys.__stdout__.fileno()), "w", encoding=sys.__stdout__.encoding, errors="replace")
            self._line = progress.Line(self._stream, how, lambda: config.get_terminal_writer().width_of_current_line)

    def tell(self, now: Mapping) -> None:
        """Show how far this process is."""
        with self._lock:
            self._note(now)
            if self._line:
                self._line.show(f" {progress.text_of(now, self._pace)}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        """Under xdist, before a worker starts: where it leaves its notes."""
        node.workerinput[INPUT] = str(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Under xdist: the watching begins where there are claims; other sessions are left alone."""
        if self._thread is None and any("[scale=" in nodeid for nodeid in ids):
            self._thread = threading.Thread(target=self._watch, name=self.NAME, daemon=True)
            self._thread.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self):
        with self._quiet():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport):
        if getattr(report, "node", None) is not None:
            self._ended[report.node.gateway.id] = time.time()
        with self._quiet():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self):
        with self._quiet():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodedown(self):
        with self._quiet():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self):
        """The last claim is done: the watching ends before the summary is printed."""
        self._over.set()
        if self._thread:
            self._thread.join()
            self._look()
        with self._quiet():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self) -> None:
        self._over.set()
        with self._quiet():
            pass

    def pytest_unconfigure(self) -> None:
        """Runs at the end of the process: nothing is left behind."""
        self._over.set()
        if self._thread:
            self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._stream:
            self._line.erase()
            self._stream.close()
            self._stream = self._line = None

    def _quiet(self) -> "_Quiet":
        return _Quiet(self)

    def _note(self, now: Mapping) -> None:
        if "arm" in now:
            self._pace.note(now)
        if not _is_run_done(now) or (now["arm"], now["scale"]) in self._told:
            return
        self._told.add((now["arm"], now["scale"]))
        if self._line is None:
            self._pending.append(progress.line_of_arm(now))

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        """Read the workers' notes; show what those do that said something lately, side by side."""
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                found[path.stem] = json.loads(path.read_text())
            except (OSError, ValueError):  # gone with the session, or a disk that is full
                continue
        with self._lock:
            for now in (now for note in found.values() for now in [*note["done"], note["now"]]):
                self._note(now)
            if self._line is None or self._over.is_set():
                return
            busy = {name: note["now"] for name, note in found.items() if self._is_busy(name, note)}
            if busy:
                texts = [f"{name} {progress.text_of(now, self._pace)}" for name, now in busy.items()]
                self._line.show(progress.side_by_side(texts, self._line.width - 1))
            else:
                self._line.erase()

    def _is_busy(self, name: str, note: Mapping) -> bool:
        began = max(time.time() - FRESH_S, self._ended.get(name, 0.0))
        return note["at"] > began and not _is_done(note["now"])


class _Quiet:
    """While pytest's reporter writes: the line is gone, and nobody draws it. A log gets the lines that are due."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __enter__(self) -> None:
        board = self._board
        board._lock.acquire()
        if board._line:
            board._line.erase()
        reporter = board._config.pluginmanager.get_plugin("terminalreporter")
        pending, board._pending = board._pending, []
        if pending and reporter:
            reporter.ensure_newline()
            if board._config.get_terminal_writer().width_of_current_line:  # xdist's dots, which have no path before them
                reporter.line("")
            for text in pending:
                reporter.line(f"  {text}")

    def __exit__(self, *_) -> None:
        self._board._lock.release()


def _is_done(now: Mapping) -> bool:
    return now["step"] >= now["steps"]


def _is_run_done(now: Mapping) -> bool:
    return "arm" in now and _is_done(now)
