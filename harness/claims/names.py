"""Unknown and malformed names: one sentence with the nearest known name."""

import re
from collections.abc import Iterable

from harness.errors import SpecError

MOST = 20  # names that a sentence lists
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")


def unknown(what: str, name: object, known: Iterable[str]) -> SpecError:
    """The error for a name that is not among `known`: says which was meant, or lists them; of many the shortest."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if close:
        return SpecError(f"unknown {what} {name!r}: did you mean {close[0]!r}?")
    if len(names) > MOST:
        some = sorted(sorted(names, key=lambda each: (len(each), each))[:MOST])
        return SpecError(f"unknown {what} {name!r}: there are {len(names)}, such as {', '.join(some)}.")
    return SpecError(f"unknown {what} {name!r}: known are {', '.join(names) or 'none so far'}.")


def plain(what: str, name: object) -> str:
    """`name` if it is fit for a command line and a path; SpecError otherwise."""
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        raise SpecError(
            f"{what} {name!r} cannot be used as a name: take lower-case letters, digits, dots, underscores and hyphens."
        )
    return name
