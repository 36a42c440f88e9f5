"""`harness merge`: a model folder from a base and experts, tensor by tensor.

    headers --checked--> plan of shards --a pass, where the rule asks for one--> tensor by tensor: read, merge, write --> rename

What is held is one tensor of every model, in the rule's working dtype one expert at a time, and what the rule makes of it;
never a model. The result has the base's names, dtypes, config and tokenizer. Tensors that are not of a floating dtype are the
base's.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import __version__, memory
from harness.engine.merge_sources import Asked as Asked
from harness.engine.merge_sources import Sources
from harness.errors import MeasureError, ModelError
from harness.models import shards

if TYPE_CHECKING:
    from torch import Tensor

    from harness.merging.rule import Rule, Tensors

COPIED = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken", ".spm")
NOT_COPIED = ("trainer_state.json", "adapter_config.json", "harness_merge.json")
RECORD = "harness_merge.json"


class Seen(NamedTuple):
    """How far a merge is: passes over tensors, bytes read, seconds since its start."""

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


class Merged(NamedTuple):
    """A finished merge: the folder, how many tensors were merged, bytes read and written, seconds, and sentences to be told."""

    out: Path
    tensors: int
    bytes_read: int
    bytes_written: int
    seconds: float
    notes: tuple[str, ...]


def merge_folders(asked: Asked, progress: Callable[[Seen], None] | None = None) -> Merged:
    """Merge, and write the folder.

    Raises:
        SpecError: an unknown method or option.
        ModelError: a folder cannot be read, is of another model or holds entries that are not finite; what the rule needs is
            missing; `out` exists or cannot be written, or the disk is full.
    """
    from harness.merging.registry import RULES
    from harness.merging.rule import find

    memory.return_large_blocks()
    rule = find(RULES, asked.method)
    options = rule.take(asked.options)
    out = Path(asked.out).expanduser()
    if out.exists():
        raise ModelError(f"{out} exists already: give a new name with --out, or move it away.")
    sources = Sources(asked, rule)
    shards.check_room(out, sum(each.bytes for each in sources.planned.values()))
    return _written(asked, rule, options, sources, out, progress)


def _written(
    asked: Asked, rule: "Rule", options: dict[str, Any], sources: Sources, out: Path, progress: Callable[[Seen], None] | None
) -> Merged:
    from harness.merging import one_tensor
    from harness.merging.registry import RULES
    from harness.merging.rule import prepared

    start = time.monotonic()
    pace = _Pace(progress, sources, start)
    where = re.compile(asked.where) if asked.where else None

    def walk() -> "Iterator[Tensors]":
        pace.begin_pass()
        for name in sources.merged:
            if where is None or where.search(name):
                found = sources.read(name)
                one_tensor.check(rule, found, sources.labels)
                yield one_tensor.widened(rule, found, asked.device)
            pace.tell(name)

    equal = _Equal(asked)
    try:
        known = prepared(rule, walk, options)
        pace.begin_pass()
        with shards.whole_folder(out) as partial:
            _copy_beside(sources.base.folder, partial)
            writer = shards.ShardWriter(partial, sources.planned)
            try:
                for name in sources.planned:
                    if name not in sources.merged:
                        writer.add(name, sources.base.tensor(name))
                        continue
                    found = sources.read(name)
                    one_tensor.check(rule, found, sources.labels)
                    equal.see(found)
                    if where is None or where.search(name):
                        merged = one_tensor.merged(rule, found, options, seed=asked.seed, prepared=known, device=asked.device)
                    else:
                        merged = one_tensor.merged(RULES["mean"], found, {}, device=asked.device)
                    writer.add(name, _finite(merged.cpu(), name))
                    del found, merged  # else they would be held while the next ones are read
                    pace.tell(name)
                writer.close()
            finally:
                writer.abort()
            _record(partial, asked, rule, options)
    except MeasureError as error:
        raise ModelError(str(error)) from error
    written = sum(each.bytes for each in sources.planned.values())
    return Merged(out, len(sources.merged), pace.bytes_done, written, time.monotonic() - start, tuple(equal.notes()))


class _Pace:
    def __init__(self, progress: Callable[[Seen], None] | None, sources: Sources, start: float) -> None:
        self._progress, self._start = progress, start
        self._sizes = {name: sources.bytes_of(name) for name in sources.merged}
        self._passes = self._done = self.bytes_done = 0

    def begin_pass(self) -> None:
        self._passes += 1

    def tell(self, name: str) -> None:
        self._done += 1
        self.bytes_done += self._sizes[name]
        if self._progress:
            total, size = len(self._sizes) * self._passes, sum(self._sizes.values()) * self._passes
            self._progress(Seen(name, self._done, total, self.bytes_done, size, time.monotonic() - self._start))


class _Equal:
    """Which models turned out to be the same: each is compared until the first difference."""

    def __init__(self, asked: Asked) -> None:
        self._labels = (asked.base, *asked.experts)
        count = len(self._labels)
        self._pairs = {(i, j) for j in range(count) for i in range(j)}

    def see(self, found: "Tensors") -> None:
        import torch

        sides = (found.base, *found.experts)
        for i, j in list(self._pairs):
            wide = torch.promote_types(sides[i].dtype, sides[j].dtype)
            if not torch.equal(sides[i].to(wide), sides[j].to(wide)):
                self._pairs.discard((i, j))

    def notes(self) -> list[str]:
        base = sorted(j for i, j in self._pairs if i == 0)
        notes = [f"the expert {self._labels[j]} is identical to the base: it has nothing to merge." for j in base]
        twins = sorted((i, j) for i, j in self._pairs if i > 0 and i not in base)
        return notes + [f"the experts {self._labels[i]} and {self._labels[j]} are identical." for i, j in twins]


def _finite(merged: "Tensor", name: str) -> "Tensor":
    from harness.merging.one_tensor import is_finite

    if not is_finite(merged):
        dtype = str(merged.dtype).removeprefix("torch.")
        raise MeasureError(f"{name}: the merged entries are not finite in {dtype}: lower lam.")
    return merged


def _copy_beside(base: Path, out: Path) -> None:
    """Config, tokenizer and code of the base; no weights, no trainer's state."""
    for file in sorted(base.iterdir()):
        is_wanted = file.is_file() and file.suffix in COPIED and file.name not in NOT_COPIED
        if is_wanted and not file.name.endswith(".index.json"):
            shutil.copyfile(file, out / file.name)


def _record(out: Path, asked: Asked, rule: "Rule", options: dict[str, Any]) -> None:
    said = {
        "method": rule.name, "says": rule.says, "source": rule.source, "options": options, "base": asked.base,
        "experts": list(asked.experts), "extras": list(asked.extras), "where": asked.where, "seed": asked.seed,
        "harness": __version__,
    }  # fmt: skip
    (out / RECORD).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
