"""How far long work is: one line on a terminal, written over; elsewhere nothing, or at most a line an arm.

    rlvr [tiny] seed 0  step 120/300  14 s left  reward 0.53  loss 0.012  (9 runs more: 3 min)

What is told is a dict of the training loop (loop.run_loop) or of the measuring (engine.local). Time left comes from the steps
that were measured; only for arms of which none was, from their recipes' cost at the pace of those that were.
Trap: pytest prints dots where its cursor is. `Line` draws below the cursor and puts it back, so that both can share a terminal.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

from harness.report.cells import cut, width_of
from harness.report.look import Look, plain

CLEAR = "\x1b[K"
SEPARATOR = " | "
Now = Mapping[str, Any]


def duration(seconds: float) -> str:
    """Such as "14 s", "3 min", "2 h 05 min"."""
    seconds = max(0.0, seconds)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


class Pace:
    """Seconds that runs not begun yet will take, from the steps of those that were."""

    def __init__(self) -> None:
        self._per_step: dict[tuple[str, str], float] = {}
        self._took, self._cost = 0.0, 0.0

    def note(self, now: Now) -> None:
        """Take a reading of the training loop."""
        if not now["step"]:
            return
        each = (now["arm"], now["scale"])
        known = self._per_step.get(each)
        to_come = now["steps"] - now["step"]
        self._per_step[each] = now["seconds_left"] / to_come if to_come else now["seconds"] / now["step"]
        if known is None and now.get("cost_s"):
            self._took += self._per_step[each] * now["steps"]
            self._cost += now["cost_s"]

    def seconds(self, others: Iterable[Mapping[str, Any]]) -> float | None:
        """For runs given as {arm, scale, steps, cost_s}; None where nothing is known of one of them."""
        total = 0.0
        for run in others:
            per_step = self._per_step.get((run["arm"], run["scale"]))
            if per_step is not None:
                total += per_step * run["steps"]
            elif run["cost_s"] and self._cost:
                total += run["cost_s"] * self._took / self._cost
            else:
                return None
        return total


def text_of(now: Now, pace: Pace | None = None) -> str:
    """One reading as a line."""
    if "arm" not in now:
        control = f" {now['control']}" if now.get("control") else ""
        head = f"measuring {now['claim']} [{now['scale']}] seed {now['seed']}{control}  {now['step']}/{now['steps']}"
        return f"{head}  {duration(now['seconds_left'])} left"
    parts = [f"{now['arm']} [{now['scale']}] seed {now['seed']}", f"step {now['step']}/{now['steps']}"]
    parts.append(f"{duration(now['seconds_left'])} left")  # early: what does not fit is cut at the end
    parts += [f"{name} {now[name]:.{digits}f}" for name, digits in (("reward", 2), ("loss", 3)) if now.get(name) is not None]
    others = now.get("others") or ()
    if others:
        seconds = pace.seconds(others) if pace else None
        time = "" if seconds is None else f": {duration(seconds)}"
        parts.append(f"({len(others)} run{'s' * (len(others) != 1)} more{time})")
    return "  ".join(parts)


def line_of_arm(now: Now) -> str:
    """What a log is told of an arm, when the first run of it is done."""
    reward = f", reward {now['reward']:.2f}" if now.get("reward") is not None else ""
    loss = f", loss {now['loss']:.3f}" if now.get("loss") is not None else ""
    return f"trained {now['arm']} [{now['scale']}]: {now['steps']} steps in {duration(now['seconds'])} a run{reward}{loss}"


def side_by_side(texts: Sequence[str], width: int) -> str:
    """Several lines as one, each cut to its share of the width; short ones leave theirs to the others."""
    room, shares = width - len(SEPARATOR) * (len(texts) - 1) - 1, {}
    for left, text in zip(range(len(texts), 0, -1), sorted(texts, key=width_of), strict=True):
        shares[text] = min(width_of(text), room // left)
        room -= shares[text]
    return " " + SEPARATOR.join(cut(text, shares[text]) for text in texts)


class Line:
    """One line on a terminal that is written over; on anything else nothing is written.

    Args:
        stream: where to.
        how: what the stream is.
        column: where the cursor stands in a line that somebody else is writing: ours is the one below, and the cursor goes
            back. None: the line is ours.
    """

    def __init__(self, stream: TextIO, how: Look, column: Callable[[], int] | None = None) -> None:
        self._stream, self._how, self._column = stream, how, column
        self._is_open = False
        self.width = how.width

    def show(self, text: str) -> None:
        """Put this text in the place of the last one."""
        if not self._how.live:
            return
        self._write(cut(plain(text) if self._how.ascii else text, self._how.width - 1, "..." if self._how.ascii else "…"))
        self._is_open = True

    def erase(self) -> None:
        """Leave nothing behind."""
        if self._is_open:
            self._write("")
            self._is_open = False

    def end(self) -> None:
        """Leave the last text where it is, and go on below it."""
        if self._is_open and self._column is None:
            print(file=self._stream, flush=True)
        self._is_open = False

    def _write(self, text: str) -> None:
        if self._column is None:
            self._stream.write(f"\r{text}{CLEAR}")
        else:  # down, which scrolls at the bottom; our line; up again, to where the other's next character goes
            self._stream.write(f"\n\r{text}{CLEAR}\x1b[A\x1b[{self._column() + 1}G")
        self._stream.flush()
