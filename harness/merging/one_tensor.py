"""One parameter through a rule: checked, taken to the working dtype one expert at a time, merged.

Random draws belong to (seed, name of the parameter), so neither the order of tensors nor how a checkpoint is sharded changes
them.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.merging.rule import Given, Rule, Tensors, taken_by

CHUNK = 2**16  # entries: 256 KB in fp32; the mean of three takes 2 ns an entry in these, 5 to 16 in chunks of 2^18 and more


class Wide(Sequence[Tensor]):
    """Tensors that are taken to a dtype (None: their own) and a device when they are asked for, and held by nobody."""

    def __init__(self, tensors: Sequence[Tensor], dtype: torch.dtype | None, device: torch.device) -> None:
        self._tensors, self._dtype, self._device = tensors, dtype, device

    def __len__(self) -> int:
        return len(self._tensors)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return Wide(self._tensors[at], self._dtype, self._device)
        return self._tensors[at].to(self._device, self._dtype or self._tensors[at].dtype)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[at] for at in range(len(self)))


def widened(rule: Rule, found: Tensors, device: torch.device | str = "cpu") -> Tensors:
    """The same in the rule's working dtype, on the device; experts and extras when they are asked for."""
    device, sides = torch.device(device), (found.base, *found.experts)
    dtype = max((rule.working_dtype(each.dtype) for each in sides), key=lambda each: each.itemsize)
    if rule.as_stored and found.base.ndim == 2:
        dtype = None
    base, *others = (Wide(each, dtype, device) for each in ((found.base,), found.experts, found.extras))
    return Tensors(found.name, base[0], *others)


def merged(
    rule: Rule, found: Tensors, options: Mapping[str, Any], *,
    seed: int = 0, prepared: Any = None, device: torch.device | str = "cpu", dtype: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """The merged tensor, on the device.

    Args:
        found: checked, see `check`.
        options: all of them, as from `Rule.take`.
        seed: of the draws.
        prepared: what `Rule.prepare` found.
        dtype: of the result; None: of the base.

    Raises:
        MeasureError: the rule is undefined on this tensor; the message names it.
    """
    dtype, device = dtype or found.base.dtype, torch.device(device)
    generator = generator_of(seed, found.name) if rule.draws else None
    try:
        if rule.entrywise and not options.get("rank_one") and found.base.numel():
            return _by_chunks(rule, found, options, Given((), generator, prepared), device, dtype)
        wide = widened(rule, found, device)
        return rule(wide.base, wide.experts, Given(wide.extras, generator, prepared), **options).to(dtype)
    except MeasureError as error:
        raise MeasureError(f"{found.name}: {error}") from error


def _by_chunks(
    rule: Rule, found: Tensors, options: Mapping[str, Any], given: Given, device: torch.device, dtype: torch.dtype
) -> Tensor:
    if rule.local is not None and given.prepared is None:
        wide = widened(rule, found, device)._replace(base=found.base.to(device))
        found_here = rule.local(wide.base, wide.experts, Given(wide.extras), **taken_by(rule.local, options))
        given = given._replace(prepared=found_here)
    flat = Tensors(found.name, *(_flat(each) for each in found[1:]))
    out = torch.empty(found.base.numel(), dtype=dtype, device=device)
    size = CHUNK if device.type == "cpu" else out.numel()
    for start in range(0, out.numel(), size):
        part = slice(start, start + size)
        wide = widened(rule, Tensors(found.name, *(_cut(each, part) for each in flat[1:])), device)
        out[part] = rule(wide.base, wide.experts, given._replace(extras=wide.extras), **options)
    return out.reshape(found.base.shape)


def _flat(each: Any) -> Any:
    return each.reshape(-1) if isinstance(each, Tensor) else tuple(one.reshape(-1) for one in each)


def _cut(each: Any, part: slice) -> Any:
    return each[part] if isinstance(each, Tensor) else tuple(one[part] for one in each)


def generator_of(seed: int, name: str) -> torch.Generator:
    """On the CPU, for the draws of one parameter."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def check(rule: Rule, found: Tensors, labels: Sequence[str]) -> None:
    """Refuse what cannot be merged.

    Args:
        labels: names of the base and of each expert, for messages.

    Raises:
        MeasureError: shapes differ, an entry is not finite, extras have another shape, are negative, or some are missing.
    """
    for label, tensor in zip(labels, (found.base, *found.experts), strict=True):
        if tensor.shape != found.base.shape:
            raise MeasureError(
                f"{found.name} is {_size(tensor)} in {label} and {_size(found.base)} in {labels[0]}: merge models of one shape."
            )
        _finite(tensor, f"{found.name} of {label}")
    if rule.extras is None:
        return
    wanted = _extras_shape(rule, found.base)
    if wanted is None:
        return
    if len(found.extras) != len(found.experts) and not (rule.may_lack and not found.extras):
        raise MeasureError(f"{rule.name} needs {rule.extras} of every expert, and {found.name} lacks some.")
    for label, tensor in zip(labels[1:], found.extras, strict=False):
        what = f"the {rule.extras} of {found.name} for {label}"
        if tuple(tensor.shape) != wanted:
            raise MeasureError(f"{what} are {_size(tensor)}, not {' x '.join(map(str, wanted))}: they are of another model.")
        _finite(tensor, what)
        if bool((tensor.diagonal() if rule.may_lack else tensor).lt(0.0).any()):
            raise MeasureError(f"{what} are negative somewhere: they must be sums of squares.")


def _extras_shape(rule: Rule, base: Tensor) -> tuple[int, ...] | None:
    """Gram matrices are of a matrix' inputs, all else has an entry a weight; None where none is used."""
    if not rule.may_lack:
        return tuple(base.shape)
    return (base.shape[1], base.shape[1]) if base.ndim == 2 else None


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


def is_finite(tensor: Tensor) -> bool:
    """Whether all entries are. Least and largest tell (a NaN is both), in a tenth of the time that looking at all takes."""
    return tensor.numel() == 0 or all(bool(each.isfinite()) for each in tensor.aminmax())


def _finite(tensor: Tensor, what: str) -> None:
    if not is_finite(tensor):
        count = int((~tensor.isfinite()).sum())
        raise MeasureError(f"{what} holds {count} entries that are not finite: the run diverged or the file is damaged.")
