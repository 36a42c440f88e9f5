"""What a diff has measured so far, a line a matrix and step: results/inflight/diff-<key>.partial.

The key is that of the base's files, of where the tuned side is, and of what the numbers depend on. A line holds the fingerprint of its
step's files and its draws, so that a checkpoint written anew is measured anew, a run that has got further adds its new steps, and
`--budget`, `--processes` or more draws find what is still of use. It is no session's journal (those end in .jsonl), which
`harness recover` would bring back: only the same diff can go on with it.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from harness.engine.diff_plan import Asked, Step
from harness.errors import StoreError
from harness.models.fingerprint import fingerprint

MEASURED_BY = ("where", "seed", "frame", "tolerance", "device")  # settings that a row depends on, draws aside


class Line(NamedTuple):
    """One matrix at one step: its rows, and the seconds they took."""

    name: str
    step: int | None
    draws: int
    rows: list[dict]
    seconds: float


class Journal:
    """Lines of one diff.

    Args:
        results: the store's folder; nothing is made before the first line.
        asked: what is compared.
        steps: tuned checkpoints, by number.

    Attributes:
        known: lines by matrix and step: those of an earlier try that still hold, and those added.
    """

    def __init__(self, results: Path, asked: Asked, steps: dict[int | None, Step]) -> None:
        self.path = results / "inflight" / f"diff-{_key(asked)}.partial"
        self._files = {number: fingerprint(step.path) for number, step in steps.items()}
        self.known: dict[tuple[str, int | None], Line] = {}
        self._read()

    def holds(self, name: str, step: int | None, draws: int) -> bool:
        """Whether this is measured, with as many draws; where none are wanted any number will do."""
        line = self.known.get((name, step))
        return line is not None and draws in (0, line.draws)

    def __contains__(self, wanted: tuple[str, int | None, int]) -> bool:
        return self.holds(*wanted)

    def add(self, line: Line) -> None:
        """Keep a line.

        Raises:
            StoreError: the disk refuses it.
        """
        self.known[line.name, line.step] = line
        # It begins with a line feed, so that a line that a killed process left unfinished does not swallow it.
        text = "\n" + json.dumps(line._asdict() | {"files": self._files[line.step]}, allow_nan=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(text.encode())
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror or error}; free space, and ask again: nothing is lost") from error

    def remove(self) -> None:
        """Nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        if not self.path.is_file():
            return
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                content = json.loads(text)
                files, line = content.pop("files"), Line(**content)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # empty, or it was being written
            if self._files.get(line.step, "") == files:
                self.known[line.name, line.step] = line


def _key(asked: Asked) -> str:
    from harness.engine.matrix_rows import METRIC_VERSION

    sides = [str(Path(side).expanduser().resolve()) for side in (asked.base, asked.trajectory or asked.tuned)]
    settings = [getattr(asked, name) for name in MEASURED_BY]
    text = json.dumps([sides, fingerprint(asked.base), asked.trajectory is not None, settings, METRIC_VERSION])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
