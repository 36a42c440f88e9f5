"""The options of merging rules: what each may be, in one table, whichever rule has it.

Values come as numbers and words from Python, or as text from a command line; both are read here, and refused in one sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import inf, isfinite
from typing import Any, NamedTuple

from harness.errors import SpecError


class Kind(NamedTuple):
    """What an option takes, in words, and a reader: gives the value, or raises ValueError."""

    says: str
    read: Callable[[Any], Any]


def _number(low: float, high: float, says: str, *, low_open: bool = False, high_open: bool = False) -> Kind:
    def read(given: Any) -> float:
        if isinstance(given, bool):
            raise ValueError
        value = float(given)
        inside = (value > low if low_open else value >= low) and (value < high if high_open else value <= high)
        if not (isfinite(value) and inside):
            raise ValueError
        return value

    return Kind(says, read)


def _whole(low: int, says: str) -> Kind:
    def read(given: Any) -> int:
        value = int(given)
        if isinstance(given, bool) or value != float(given) or value < low:
            raise ValueError
        return value

    return Kind(says, read)


def _word(*words: str) -> Kind:
    def read(given: Any) -> str:
        if given not in words:
            raise ValueError
        return given

    return Kind(f"one of {', '.join(words)}", read)


def _optional(kind: Kind) -> Kind:
    return Kind(f"{kind.says}, or none", lambda given: None if given in (None, "none", "None") else kind.read(given))


def _switch(given: Any) -> bool:
    words = {True: True, False: False, "true": True, "false": False, "yes": True, "no": False}
    try:
        return words[given.lower() if isinstance(given, str) else given]
    except (KeyError, TypeError):
        raise ValueError from None


SHARE = _number(0.0, 1.0, "a number above 0 and at most 1", low_open=True)
POSITIVE = _number(0.0, inf, "a number of at least 0")
OPTIONS = {
    "lam": _number(-inf, inf, "a finite number"),
    "density": SHARE,
    "drop": _number(0.0, 1.0, "a number from 0 to below 1", high_open=True),
    "t": _number(0.0, 1.0, "a number from 0 to 1"),
    "iterations": _whole(1, "a whole number of at least 1"),
    "tolerance": POSITIVE,
    "floor": POSITIVE,
    "ridge": POSITIVE,
    "off_diagonal": _number(0.0, 1.0, "a number from 0 to 1"),
    "common": _number(0.0, 1.0, "a number from 0 to 1"),
    "keep": SHARE,
    "most": _number(0.0, inf, "a number above 0", low_open=True),
    "eps": POSITIVE,
    "r": POSITIVE,
    "alpha": POSITIVE,
    "power": POSITIVE,
    "mask": _optional(SHARE),
    "scope": _word("model", "tensor"),
    "combine": _word("sum", "ties"),
    "represent": _word("ties", "dare"),
    "residual": _word("ties", "sum", "tsv-m"),
    "rank_one": Kind("true or false", _switch),
    "fallback": _word("base", "mean"),
}


def checked(given: Mapping[str, Any], rule: str, takes: Sequence[str]) -> dict[str, Any]:
    """The given options, read.

    Args:
        given: name -> value or text; "lambda" is another name of "lam", "-" counts as "_".
        rule: whose options they are, for messages.
        takes: the names that it has.

    Raises:
        SpecError: the rule has no such option, it is given twice, or a value is no such value.
    """
    found: dict[str, Any] = {}
    for spelled, value in given.items():
        name = "lam" if spelled == "lambda" else spelled.replace("-", "_")
        if name not in takes:
            near = get_close_matches(name, takes, 1)
            known = f"it has {', '.join(takes)}" if takes else "it has none"
            raise SpecError(f"{rule} has no option {spelled!r}: " + (f"did you mean {near[0]!r}?" if near else f"{known}."))
        if name in found:
            raise SpecError(f"{rule}: the option {name} is given twice.")
        kind = OPTIONS[name]
        try:
            found[name] = kind.read(value)
        except (TypeError, ValueError, OverflowError):
            raise SpecError(f"{rule}: {name} = {value!r} cannot be: give {kind.says}.") from None
    return found
