"""The frame of every intervention on an update: the same base, another road away from it.

Trap: what was measured on the trained model (accuracy, gain) is not true of an intervened update. It is dropped;
`models.of(change)` measures it anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Change


def intervened(change: Change, update: Mapping[str, Tensor], label: str) -> Change:
    """Another update on the same base, without trajectory; a snapshot is a Change, so it is intervened on by itself."""
    return replace(
        change,
        update={name: update[name] for name in change.base},
        label=f"{change.label}, {label}",
        trajectory=(),
        capability=None,
        capability_bf16=None,
        gain=None,
        match=None,
    )


def each(change: Change, new: Callable[[Tensor, Tensor], Tensor], label: str) -> Change:
    """`intervened` by a function from W0 (m, n) fp32 and D (m, n) fp64 to another D, called once per matrix, by sorted name."""
    return intervened(change, {name: new(change.base[name], change.update[name]) for name in sorted(change.base)}, label)


def check_same_shapes(one: Change, other: Change) -> None:
    """That two changes hold the same matrices.

    Raises:
        MeasureError: a name is in one only, or two shapes differ.
    """
    for name in sorted(one.base.keys() | other.base.keys()):
        shapes = [tuple(side.base[name].shape) if name in side.base else None for side in (one, other)]
        if shapes[0] != shapes[1]:
            raise MeasureError(f"{one.label} and {other.label} differ in {name}: a spectrum fits matrices of one shape only.")
