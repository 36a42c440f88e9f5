"""Named queries: one .sql file each, whose header says what it answers and takes.

    -- Which verdicts changed?
    --
    -- One row for each change, newest first: ...
    -- argument library text: which one, such as torch
    -- option limit int = 20: rows at most
    -- empty: no verdict changed
    SELECT ... LIMIT $limit

The first line is the question, the lines after it say what the rows are and are not. Arguments come in their order after the
name; options are given as `--set limit=5`. Either is optional if it has a default (`=`); an empty default is NULL. `empty` is
what to say when there are no rows. Types are text, int and date.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib import resources
from itertools import takewhile
from typing import Any, NamedTuple

from harness.errors import StoreError

_PARAMETER = re.compile(r"(argument|option) (\w+) (text|int|date)(?: = ?(.*?))?: (.+)")
_TYPES = {"text": str, "int": int, "date": date.fromisoformat}
_LIKE = {"text": "text", "int": "a whole number", "date": "a day such as 2026-11-01"}


class Parameter(NamedTuple):
    """What a query takes; `default` is None where it must be given, "" where it is then NULL."""

    kind: str
    name: str
    type: str
    default: str | None
    says: str

    def value(self, given: str | None) -> Any:
        """The value to bind.

        Raises:
            StoreError: it is not of the parameter's type.
        """
        text = self.default if given is None else given
        if not text:
            return None
        try:
            return _TYPES[self.type](text)
        except ValueError:
            raise StoreError(f"{self.name}={text}: give {_LIKE[self.type]} ({self.says})") from None


class NamedQuery(NamedTuple):
    """A query of the package."""

    name: str
    question: str
    notes: str
    parameters: tuple[Parameter, ...]
    empty: str
    sql: str

    @property
    def usage(self) -> str:
        """The name with its arguments, as they are typed."""
        takes = [p for p in self.parameters if p.kind == "argument"]
        return " ".join([self.name, *(p.name.upper() if p.default is None else f"[{p.name.upper()}]" for p in takes)])

    def bind(self, arguments: Sequence[str], options: Mapping[str, str]) -> dict[str, Any]:
        """Values of the SQL's parameters.

        Raises:
            StoreError: one is missing, unknown or of another type.
        """
        takes = [p for p in self.parameters if p.kind == "argument"]
        if len(arguments) > len(takes):
            many = f"only {', '.join(p.name for p in takes)}" if takes else "no argument"
            raise StoreError(f"{self.name} takes {many}, so what is {arguments[len(takes)]!r}? Put SQL in quotes")
        given = dict(zip((p.name for p in takes), arguments, strict=False))
        known = [p.name for p in self.parameters]
        for name in options:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
                raise StoreError(f"{self.name} has no parameter {name!r}; {hint}")
        given |= options
        for parameter in self.parameters:
            if parameter.default is None and not given.get(parameter.name):
                raise StoreError(f"{self.name} needs a {parameter.name}: harness query {self.usage} ({parameter.says})")
        return {p.name: p.value(given.get(p.name)) for p in self.parameters}


@cache
def all_queries() -> dict[str, NamedQuery]:
    """Every named query, in the order of their file names."""
    files = (file for file in resources.files("harness.store.queries").iterdir() if file.name.endswith(".sql"))
    found = (parse(file.name, file.read_text("utf-8")) for file in sorted(files, key=lambda file: file.name))
    return {query.name: query for query in found}


def parse(file_name: str, text: str) -> NamedQuery:
    """A query from its file.

    Raises:
        StoreError: there is no header, or a parameter's line cannot be read.
    """
    name = file_name.removesuffix(".sql")
    lines = text.strip().splitlines()
    header = [line.removeprefix("--").strip() for line in takewhile(lambda line: line.startswith("--"), lines)]
    if not header:
        raise StoreError(f"{file_name} does not begin with a comment that says what it answers")
    parameters, notes, empty = [], [], ""
    for line in header[1:]:
        if line.startswith(("argument ", "option ")):
            found = _PARAMETER.fullmatch(line)
            if not found:
                raise StoreError(f"{file_name}: cannot read {line!r}; write `option limit int = 20: rows at most`")
            parameters.append(Parameter(*found.groups()))
        elif line.startswith("empty: "):
            empty = line.removeprefix("empty: ")
        else:
            notes.append(line)
    sql = "\n".join(lines[len(header) :]).strip()
    return NamedQuery(name, header[0], " ".join(notes).strip(), tuple(parameters), empty, sql)


def source(name: str) -> str:
    """The file of a named query, header and SQL."""
    return resources.files("harness.store.queries").joinpath(f"{name}.sql").read_text("utf-8").strip()
