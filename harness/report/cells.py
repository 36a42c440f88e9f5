"""Text in the cells of a terminal: how wide it is, padded, cut and folded to a width.

A CJK character takes two cells, a combining one none, so len() would misalign a table and let a line run over its end.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

GAP = 2


@lru_cache(maxsize=8192)
def width_of(text: str) -> int:
    """Cells that the text takes; it has no control characters."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with blanks up to the width, before it where `right`."""
    blanks = " " * max(0, width - width_of(text))
    return blanks + text if right else text + blanks


def cut(text: str, width: int, dots: str = "…") -> str:
    """The text, or as much of it as fits with dots behind it."""
    if width_of(text) <= width:
        return text
    return _head(text, max(0, width - width_of(dots))) + dots[: max(0, width)]


def folded(text: str, width: int, first: str = "", other: str = "") -> list[str]:
    """The text in lines of at most `width` cells, broken at blanks; a word that no line holds is broken inside.

    Args:
        first, other: what the first and every other line begins with.
    """
    room = max(2, width - max(width_of(first), width_of(other)))
    lines, line, is_empty = [], first, True
    for word in (piece for word in text.split() for piece in _pieces(word, room)):
        if not is_empty and width_of(line) + 1 + width_of(word) > width:
            lines.append(line)
            line, is_empty = other, True
        line += ("" if is_empty else " ") + word
        is_empty = False
    return [*lines, line]


def _pieces(word: str, room: int) -> Iterator[str]:
    """The word, or as many parts as it takes for each to fit."""
    while width_of(word) > room:
        head = _head(word, room)
        yield head
        word = word[len(head) :]
    yield word


def fitted(text: str, width: int, first: str = "", other: str = "") -> list[str]:
    """The line as it is where it fits, runs of blanks and all; else folded."""
    return [text] if width_of(text) <= width else folded(text, width, first, other)


def columns(rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> list[str]:
    """Rows with every column padded to its widest cell; trailing blanks cut."""
    if not rows:
        return []
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    sides = [*right, *[False] * (len(widths) - len(right))]
    made = ((padded(text, w, right=side) for text, w, side in zip(row, widths, sides, strict=True)) for row in rows)
    return [(" " * GAP).join(cells).rstrip() for cells in made]


def _head(text: str, width: int) -> str:
    """The longest beginning that takes at most `width` cells."""
    end = min(len(text), width)
    while end < len(text) and width_of(text[: end + 1]) <= width:
        end += 1
    while width_of(text[:end]) > width:
        end -= 1
    return text[:end]
