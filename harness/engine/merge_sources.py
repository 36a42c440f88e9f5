"""The folders and files of a merge, found to be of one model before anything is read or written.

Trap: a head that the config ties is the embeddings. It is not merged by itself (random draws, or matrices that are decomposed,
would part the two): it is left out of the result, and transformers makes it from the embeddings.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import MeasureError, ModelError
from harness.models import shards
from harness.models.adapter import CONFIG as ADAPTER_CONFIG
from harness.models.checkpoint import Checkpoint
from harness.models.shards import Planned
from harness.models.side import FP8, TensorFile

if TYPE_CHECKING:
    from harness.merging.rule import Rule, Tensors

FLOATS = ("float64", "float32", "float16", "bfloat16")
HEAD = "lm_head.weight"
EMBEDDINGS = re.compile(r"(?:.*\.)?(?:embed_tokens|wte|embed_in|word_embeddings|tok_embeddings)\.weight")


class Asked(NamedTuple):
    """A merge as asked for.

    Attributes:
        method: a name of harness.merging.RULES.
        base, experts: model folders.
        out: folder to be made.
        options: of the rule, values or text.
        extras: a file of tensors for each expert (second moments, Fisher diagonals, Gram matrices), by parameter name.
        where: a regular expression; parameters in whose name it is not found are averaged. None: the rule merges all.
        seed: of random draws.
        device: where a tensor is merged.
    """

    method: str
    base: str
    experts: tuple[str, ...]
    out: str
    options: dict[str, Any] = {}
    extras: tuple[str, ...] = ()
    where: str | None = None
    seed: int = 0
    device: str = "cpu"


class Sources:
    """The folders and files that are read, found to be of one model.

    Raises (constructor):
        ModelError: a folder cannot be read or is of another model, or what the rule needs is missing.

    Attributes:
        labels: the base and the experts, for messages.
        planned: every tensor of the result, in the base's order.
        merged: names of those that are merged, in that order; the others are the base's.
    """

    def __init__(self, asked: Asked, rule: "Rule") -> None:
        if not asked.experts:
            raise ModelError("there is nothing to merge: give at least one expert with --expert DIR.")
        try:
            rule.check_count(len(asked.experts))
        except MeasureError as error:
            raise ModelError(str(error)) from error
        self.labels = (asked.base, *asked.experts)
        self.base, *self.experts = (_folder(path) for path in self.labels)
        self.extras = _extras(asked, rule)
        names = _names(self.base, self.labels[0])
        for expert, label in zip(self.experts, self.labels[1:], strict=True):
            _check_same(names, self.labels[0], _names(expert, label), label)
        self.planned: dict[str, Planned] = {}
        for name in names:
            found = self.base.shapes[name]
            dtype, bytes_each = _dtype(found.dtype, name, self.labels[0])
            self.planned[name] = shards.planned(dtype, found.shape, bytes_each)
        self.merged = dict.fromkeys(name for name, each in self.planned.items() if each.dtype in FLOATS)
        if not self.merged:
            raise ModelError(f"{asked.base} holds no tensor of a floating dtype.")
        if asked.where and not any(re.search(asked.where, name) for name in self.merged):
            raise ModelError(f"--where {asked.where!r} is found in none of {len(self.merged)} names, such as {names[0]}.")
        for name in self.merged:
            for expert, label in zip(self.experts, self.labels[1:], strict=True):
                _dtype(expert.shapes[name].dtype, name, label)
                here, there = expert.shapes[name].shape, self.planned[name].shape
                if here != there:
                    sizes = f"{_size(here)} in {label} and {_size(there)} in {self.labels[0]}"
                    raise ModelError(f"{name} is {sizes}: merge models of one shape.")
            if not rule.may_lack and any(name not in each.shapes for each in self.extras):
                raise ModelError(f"{rule.name} needs {rule.extras} of every expert, and {name} lacks some.")

    def read(self, name: str) -> "Tensors":
        """One parameter of every model, as stored."""
        from harness.merging.rule import Tensors

        extras = tuple(each.tensor(name) for each in self.extras if name in each.shapes)
        return Tensors(name, self.base.tensor(name), tuple(each.tensor(name) for each in self.experts), extras)

    def bytes_of(self, name: str) -> int:
        """What reading it reads."""
        beside = sum(each.shapes[name].bytes for each in self.extras if name in each.shapes)
        return sum(each.shapes[name].bytes for each in (self.base, *self.experts)) + beside


def _folder(path: str) -> Checkpoint:
    folder = Path(path).expanduser()
    if (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds an adapter: merge it into its base first (PEFT's merge_and_unload), and give that.")
    return Checkpoint(folder)


def _names(model: Checkpoint, label: str) -> list[str]:
    """Of all tensors, without a head that the config ties to the embeddings."""
    names = list(model.shapes)
    text = model.config.get("text_config")
    is_tied = model.config.get("tie_word_embeddings", isinstance(text, dict) and text.get("tie_word_embeddings"))
    tables = [name for name in names if EMBEDDINGS.fullmatch(name)]
    if not is_tied or HEAD not in model.shapes or len(tables) != 1:
        return names
    import torch

    if not torch.equal(model.tensor(HEAD), model.tensor(tables[0])):
        raise ModelError(f"{label} says that its head is tied, and holds one that is not its embeddings: correct config.json.")
    return [name for name in names if name != HEAD]


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _check_same(names: list[str], base: str, others: list[str], label: str) -> None:
    odd = sorted(set(names) ^ set(others))
    if odd:
        inside, outside = (base, label) if odd[0] in set(names) else (label, base)
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        why = "one ties its head and the other does not" if odd == [HEAD] else "merge models of one architecture"
        raise ModelError(f"{odd[0]}{more} is in {inside} and not in {outside}: {why}.")


def _dtype(stored: str, name: str, label: str) -> tuple[str, int]:
    """Torch's name of a stored dtype, and bytes of an entry."""
    import torch

    if stored in FP8 or stored == "packed" or stored.startswith("float8"):
        raise ModelError(f"{label}: {name} is stored as {stored}: give the model before it was quantised.")
    names = {code: torch_name for torch_name, code in shards.CODES.items()}
    dtype = names.get(stored, stored)
    if dtype not in shards.CODES:
        raise ModelError(f"{label}: {name} is stored as {stored}, which cannot be merged or copied.")
    return dtype, getattr(torch, dtype).itemsize


def _extras(asked: Asked, rule: "Rule") -> list[TensorFile]:
    if rule.extras is None:
        if asked.extras:
            raise ModelError(f"{rule.name} takes no extras: drop --extra.")
        return []
    if len(asked.extras) != len(asked.experts):
        raise ModelError(
            f"{rule.name} needs {rule.extras} of every expert: give --extra FILE once for each of {len(asked.experts)}, in the "
            f"order of the experts; {len(asked.extras)} given."
        )
    return [TensorFile(Path(path).expanduser()) for path in asked.extras]
