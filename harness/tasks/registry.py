"""Tasks by name, with the sizes that the recipes train on."""

import dataclasses
import difflib

from harness.errors import SpecError
from harness.tasks.addition import Addition
from harness.tasks.affine import Affine
from harness.tasks.base import Task
from harness.tasks.chain import Chain
from harness.tasks.fewshot import FewshotAddition
from harness.tasks.formats import PrefixedAddition, PrefixedFewshotAddition
from harness.tasks.reversal import Reversal
from harness.tasks.sorting import Sorting

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Addition(high=49), PrefixedAddition(high=49), Sorting(length=4), Reversal(length=4), Chain(terms=4),
        FewshotAddition(), PrefixedFewshotAddition(), Affine(),
    )
}


def get(name: str, **sizes: int) -> Task:
    """The task of that name; `sizes` replace its default sizes, as in get("addition", high=49).

    Raises:
        SpecError: no task has that name, or the task has no such size.
    """
    if name not in TASKS:
        close = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(TASKS))}."
        raise SpecError(f"unknown task {name!r}: {hint}")
    unknown = sizes.keys() - {field.name for field in dataclasses.fields(TASKS[name])}
    if unknown:
        raise SpecError(f"task {name!r} has no size {sorted(unknown)[0]!r}.")
    return dataclasses.replace(TASKS[name], **sizes)
