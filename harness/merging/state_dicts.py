"""Merging in memory: of state dicts, and of Changes on one base.

    merged = merge("ties", base, [a, b], density=.2, lam=1.0)
    change = merge_changes("iso", [rlvr.change(), sft.change()])
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.merging import one_tensor
from harness.merging.registry import RULES
from harness.merging.rule import Rule, Tensors, find, prepared
from harness.spectra.change import Change, Changed

State = Mapping[str, Tensor]


def merge(
    method: str, base: State, experts: Sequence[State], *,
    extras: Sequence[State] | None = None, seed: int = 0, where: str | None = None, dtype: torch.dtype | None = None,
    **options: Any,
) -> dict[str, Tensor]:  # fmt: skip
    """The merged state dict.

    Args:
        method: a name of RULES, such as "ties" or "iso".
        base: name -> tensor. Tensors that are not of a floating dtype (counters, tables of positions) are copied from here.
        experts: the same names and shapes.
        extras: for each expert what the rule needs of it by name: "ota" second moments, "fisher" Fisher diagonals, both of the
            weights' shapes; "regmean" Gram matrices (in, in) of those 2-D tensors that are linear layers.
        seed: of what "dare" and "knots" with represent="dare" draw; a tensor's draws depend on its name besides.
        where: a regular expression; tensors in whose name it is not found are averaged. None: the rule merges all.
        dtype: of the result; None takes the base's, tensor by tensor.
        options: of the rule.

    Returns:
        New tensors, in the base's order. Tensors that share storage in the base and in every expert (tied embeddings) share it.

    Raises:
        SpecError: an unknown method or option, or a value out of range.
        MeasureError: other names or shapes, entries that are not finite, too few experts or extras, or the rule is undefined.
    """
    rule = find(RULES, method)
    taken = rule.take(options)
    rule.check_count(len(experts))
    labels = ("the base", *(f"expert {at}" for at in range(1, len(experts) + 1)))
    _check_names(base, experts, labels)
    if rule.extras is not None and len(extras or ()) != len(experts):
        wanted = f"give extras, one mapping for each of {len(experts)}"
        raise MeasureError(f"{rule.name} needs {rule.extras} of every expert: {wanted}.")
    given = extras if rule.extras is not None and extras else ()

    def walk() -> Iterator[Tensors]:
        for name, w0 in base.items():
            if w0.is_floating_point():
                yield _tensors(rule, name, w0.detach(), experts, given)

    for found in walk():
        one_tensor.check(rule, found, labels)
    chosen = re.compile(where or "")
    known = prepared(rule, lambda: (one_tensor.widened(rule, found) for found in walk() if chosen.search(found.name)), taken)
    merged: dict[str, Tensor] = {}
    seen: dict[object, str] = {}
    for name, w0 in base.items():
        if not w0.is_floating_point():
            merged[name] = w0.detach().clone()
            continue
        twin = seen.setdefault(tuple(_place(side[name]) for side in (base, *experts)), name)
        if twin != name:
            merged[name] = merged[twin]
            continue
        found = _tensors(rule, name, w0.detach(), experts, given)
        if chosen.search(name):
            merged[name] = one_tensor.merged(rule, found, taken, seed=seed, prepared=known, device=w0.device, dtype=dtype)
        else:
            merged[name] = one_tensor.merged(RULES["mean"], found, {}, device=w0.device, dtype=dtype)
    return merged


def merge_changes(method: str, changes: Sequence[Changed], **arguments: Any) -> Change:
    """The change from the common base to the merged weights, in fp64.

    Args:
        method: as in `merge`.
        changes: of one base.
        arguments: extras, seed, where and options, as in `merge`.

    Raises:
        SpecError, MeasureError: as `merge`; also if the bases differ, or there is no change.
    """
    found = [each.change() for each in changes]
    if not found:
        raise MeasureError("there is nothing to merge: give at least one change.")
    base = {name: w0.double() for name, w0 in found[0].base.items()}
    for each in found[1:]:
        if each.base.keys() != base.keys() or any(not torch.equal(w0, found[0].base[name]) for name, w0 in each.base.items()):
            raise MeasureError(f"{each.label} and {found[0].label} have other bases: merge experts of one base.")
    merged = merge(method, base, [{name: base[name] + d for name, d in each.update.items()} for each in found], **arguments)
    label = f"{method} of {', '.join(each.label for each in found)}"
    return Change(found[0].base, {name: merged[name] - w0 for name, w0 in base.items()}, label=label)


def _tensors(rule: Rule, name: str, w0: Tensor, experts: Sequence[State], extras: Sequence[State]) -> Tensors:
    own = tuple(each[name] for each in extras if name in each)
    return Tensors(name, w0, tuple(expert[name].detach() for expert in experts), own)


def _check_names(base: State, experts: Sequence[State], labels: Sequence[str]) -> None:
    if not any(w0.is_floating_point() for w0 in base.values()):
        raise MeasureError("there is nothing to merge: the base holds no tensor of a floating dtype.")
    for label, expert in zip(labels[1:], experts, strict=True):
        odd = sorted(base.keys() ^ expert.keys())
        if odd:
            where, other = ("the base", label) if odd[0] in base else (label, "the base")
            raise MeasureError(f"{odd[0]} is in {where} and not in {other}: merge models of one architecture.")


def _place(tensor: Tensor) -> tuple:
    return (tensor.device, tensor.data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
