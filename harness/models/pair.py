"""A base and a model tuned from it, matrix by matrix: what both have, what only one has, and the weights as they are asked for.

Matrices are matched by place, see `layout`; the name of a stack ("encoder.") counts only where a side has several. Embeddings,
the head, norms and biases are no matrices: they are counted, so that another vocabulary is no mismatch.

Reading holds one pair of matrices and the `prefetch` next ones, whatever the size of the model.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import ModelError
from harness.models.adapter import CONFIG as ADAPTER_CONFIG
from harness.models.adapter import Adapter
from harness.models.checkpoint import WEIGHT_FILES
from harness.models.layout import Piece, Place
from harness.models.quantised import refuse_config
from harness.models.side import Side, StoredSide, open_weights
from harness.models.trajectory import trajectory as trajectory

if TYPE_CHECKING:
    from torch import Tensor


class Entry(NamedTuple):
    """A matrix that both sides have.

    Attributes:
        name: "layers.0.self_attn.q_proj", as `weights.short_name`; an expert is "layers.3.mlp.experts.5.up_proj".
        layer: counted from 0; -1 in a model without layers.
        module: the name without layer and expert, "mlp.experts.up_proj".
        shape: (out, in).
        base_dtype: as stored: torch's name, or "gguf:Q4_1".
        tuned_dtype: the same of the other side; what an adapter added to is "float32".
    """

    name: str
    layer: int
    module: str
    shape: tuple[int, int]
    base_dtype: str
    tuned_dtype: str


class Unmatched(NamedTuple):
    """Names of what is not compared: matrices of one side only, of two shapes, and second names of tied ones."""

    base_only: tuple[str, ...]
    tuned_only: tuple[str, ...]
    other_shape: tuple[str, ...]
    tied: tuple[str, ...]


class _Match(NamedTuple):
    base: Piece
    tuned: Piece


class Pair:
    """Two checkpoints as pairs of matrices.

    Args:
        base: a model folder, a file of tensors (.safetensors, or .pt, .pth, .tar, .bin that hold weights only), or a GGUF.
        tuned: one of these, or a folder with a PEFT adapter of the base.
        where: a regular expression; matrices in whose name it is found are kept ("layers.1?.mlp").

    Attributes:
        entries: what both have with equal shapes, by layer, then by name.
        unmatched: what is not compared, regardless of `where`.
        left_out: how many tensors are no matrices, by `layout.kind`; of the side that has more. "packed" ones are weights that
            are not compared.
        bytes: what reading all entries reads, both sides.

    Raises:
        ModelError: a side cannot be read or trusted, they have no matrix in common, or `where` is damaged or selects none.
    """

    def __init__(self, base: str | Path, tuned: str | Path, *, where: str | None = None) -> None:
        self._base, self._tuned = _sides(Path(base).expanduser(), Path(tuned).expanduser())
        matched, self.unmatched = _match(self._base, self._tuned)
        stacks = {place.stack for place in matched}
        entries = {self._entry(place, each, drop_stack=len(stacks) == 1): each for place, each in matched.items()}
        self.entries = _select(sorted(entries, key=lambda each: (each.layer, each.name)), where)
        self._matches = {each.name: entries[each] for each in self.entries}
        counts = Counter(self._base.left_out.values()) | Counter(self._tuned.left_out.values())
        self.left_out: dict[str, int] = dict(sorted(counts.items()))
        self.bytes = sum(self.bytes_of(each) for each in self.entries)

    def bytes_of(self, entry: Entry) -> int:
        """What reading one entry reads, both sides."""
        match = self._matches[entry.name]
        return self._base.bytes(match.base) + self._tuned.bytes(match.tuned)

    def read(self, entries: Iterable[Entry] | None = None, prefetch: int = 1) -> Iterator[tuple[Entry, "Tensor", "Tensor"]]:
        """Entries with W0 and W1, each (out, in), contiguous, on the CPU; dtypes as stored, fp8 and GGUF as fp32.

        A thread reads the next `prefetch` pairs from disk while the caller works on this one; 0 reads when asked. Tensors may
        be written to: neither a file nor a later read changes.

        Args:
            entries: some of `self.entries`, in the order wanted; None reads all.
            prefetch: how many pairs to read ahead; each is held in memory.

        Raises:
            ModelError: a file changed since this pair was made, or cannot be read any more.
        """
        wanted = self.entries if entries is None else tuple(entries)
        if prefetch < 1:
            for entry in wanted:
                yield entry, *self._load(entry)
            return
        upcoming = iter(wanted)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pair") as pool:
            ahead = deque(pool.submit(self._load, each) for each in islice(upcoming, prefetch))
            try:
                for entry in wanted:
                    loaded = ahead.popleft().result()
                    ahead.extend(pool.submit(self._load, each) for each in islice(upcoming, 1))
                    yield entry, *loaded
                    del loaded  # else it would be held while the next one is waited for
            finally:
                for unread in ahead:
                    unread.cancel()

    def base(self, entry: Entry) -> "Tensor":
        """W0 of one entry alone, as `read` gives it; many tuned sides of one base need it once."""
        return _resident(self._base.matrix(self._matches[entry.name].base))

    def tuned(self, entry: Entry) -> "Tensor":
        """W1 of one entry alone, as `read` gives it."""
        return _resident(self._tuned.matrix(self._matches[entry.name].tuned))

    def _load(self, entry: Entry) -> tuple["Tensor", "Tensor"]:
        return self.base(entry), self.tuned(entry)

    def _entry(self, place: Place, match: _Match, drop_stack: bool) -> Entry:
        place = place._replace(stack="") if drop_stack else place
        module = f"{place.stack}{place.module}"
        return Entry(
            place.name, place.layer, module, match.base.shape, self._base.dtype(match.base), self._tuned.dtype(match.tuned)
        )


def _sides(base: Path, tuned: Path) -> tuple[Side, Side]:
    """Both sides; one without a config (a lone file) is laid out by the other's."""
    if _is_adapter(base):
        raise ModelError(f"{base} is an adapter: give the model it was trained on as base, and the adapter as tuned.")
    first = open_weights(base)
    if _is_adapter(tuned):
        refuse_config(base, first.config)
        side = StoredSide(base, first, first.config)
        return side, Adapter(tuned, side)
    second = open_weights(tuned)
    return StoredSide(base, first, first.config or second.config), StoredSide(tuned, second, second.config or first.config)


def _is_adapter(path: Path) -> bool:
    if not (path / ADAPTER_CONFIG).is_file():
        return False
    if any((path / f"{name}{end}").is_file() for name in WEIGHT_FILES for end in ("", ".index.json")):
        raise ModelError(f"{path} holds both a model and an adapter: move one of them to a folder of its own.")
    return True


def _match(base: Side, tuned: Side) -> tuple[dict[Place, _Match], Unmatched]:
    one_each = len({place.stack for place in base.pieces}) == len({place.stack for place in tuned.pieces}) == 1

    def by_place(side: Side) -> dict[Place, Piece]:
        return {place._replace(stack="") if one_each else place: piece for place, piece in side.pieces.items()}

    first, second = by_place(base), by_place(tuned)
    common = _ordered(first.keys() & second.keys())
    if not common:
        one, other = _ordered(first)[0].name, _ordered(second)[0].name
        raise ModelError(
            f"{base.path} and {tuned.path} have no matrix in common (such as {one} and {other}): give two checkpoints of one "
            "architecture."
        )
    shapes = {place: (first[place].shape, second[place].shape) for place in common}
    fitting = [place for place in common if shapes[place][0] == shapes[place][1]]
    if not fitting:
        one, other = (" x ".join(map(str, shape)) for shape in shapes[common[0]])
        raise ModelError(
            f"{base.path} and {tuned.path} share no matrix of equal shape ({common[0].name} is {one} and {other}): "
            "give two checkpoints of one size."
        )
    matched: dict[Place, _Match] = {}
    tied: list[str] = []
    seen: set[tuple[object, object]] = set()
    for place in fitting:
        match = _Match(first[place], second[place])
        storage = (base.storage(match.base), tuned.storage(match.tuned))
        if None not in storage and storage in seen:
            tied.append(place.name)
            continue
        seen.add(storage)
        matched[place] = match
    base_only, tuned_only = _ordered(first.keys() - second.keys()), _ordered(second.keys() - first.keys())
    other_shape = _ordered(set(common) - set(fitting))
    return matched, Unmatched(_names(base_only), _names(tuned_only), _names(other_shape), tuple(tied))


def _ordered(places: Iterable[Place]) -> list[Place]:
    return sorted(places, key=lambda place: (place.layer, place.name))


def _names(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(place.name for place in places)


def _select(entries: list[Entry], where: str | None) -> tuple[Entry, ...]:
    if where is None:
        return tuple(entries)
    try:
        pattern = re.compile(where)
    except re.error as error:
        raise ModelError(f"{where!r} is no regular expression ({error}): write it as in 'layers.1?.mlp'.") from error
    kept = tuple(entry for entry in entries if pattern.search(entry.name))
    if not kept:
        some = ", ".join(entry.name for entry in entries[:3])
        raise ModelError(f"{where!r} selects none of {len(entries)} matrices: they are called {some} and so on.")
    return kept


def _resident(tensor: "Tensor") -> "Tensor":
    """The tensor, with every page of it read from disk: one byte in 4096 is touched."""
    import torch

    tensor.view(torch.uint8).flatten()[::4096].max()
    return tensor
