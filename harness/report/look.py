"""How text is to look where it is printed: how wide, in colour or not, in ASCII alone or not.

    terminal      its width; colour unless NO_COLOR is set or TERM is dumb
    log, pipe     COLUMNS where it is set, else as wide as the writer likes; no colour
    ASCII alone   where TERM is dumb, or the stream's encoding is not UTF

Sources: no-color.org (set and not empty); TERM=dumb is a terminal that knows no escape sequences.
"""

import os
import shutil
from collections.abc import Mapping
from typing import NamedTuple, TextIO

LEAST = 20
PLAIN = str.maketrans(
    {"–": "-", "—": "-", "±": "+-", "×": "x", "≤": "<=", "≥": ">=", "≈": "~", "…": "...", "·": "-", "→": "->", "²": "2"}
)


class Look(NamedTuple):
    """Cells of a line, whether colours and cursor movements are understood, whether only ASCII may be written."""

    width: int
    color: bool
    ascii: bool
    live: bool


def look(stream: TextIO | None, *, log_width: int = 120, environ: Mapping[str, str] | None = None) -> Look:
    """How to write to this stream.

    Args:
        stream: None where there is none (pythonw, a closed file): as a log.
        log_width: of what is no terminal and has no COLUMNS.
        environ: os.environ if None.
    """
    env = os.environ if environ is None else environ
    terminal = bool(stream) and not stream.closed and stream.isatty()
    clever = terminal and env.get("TERM", "") != "dumb"
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").replace("_", "")
    plain = not encoding.startswith("utf") or (terminal and not clever)
    return Look(_width(stream, terminal, log_width, env), clever and not env.get("NO_COLOR"), plain, clever)


def plain(text: str) -> str:
    """The text in ASCII: known signs are spelled out, others become "?"."""
    return text.translate(PLAIN).encode("ascii", "replace").decode()


def _width(stream: TextIO | None, terminal: bool, log_width: int, env: Mapping[str, str]) -> int:
    given = env.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return max(LEAST, int(given))
    if not terminal:
        return log_width
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # a terminal without a size: a serial line, an emulator that does not say
        columns = shutil.get_terminal_size().columns
    return max(LEAST, columns or 80)
