"""One number per weight matrix, with arithmetic.

A measure reads every matrix of a model and answers with a PerMatrix; the claim's `within` says how the numbers of one
replicate become one. Arithmetic is element by element and follows IEEE 754: 1/0 is inf, 0/0 and log(-1) are nan.
Nothing non-finite is dropped here, it is the verdict's to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from harness.errors import MeasureError


class PerMatrix(Mapping[str, float]):
    """An immutable mapping from matrix name to a number.

    Args:
        values: name -> number; converted to Python floats.
        sizes: name -> number of entries of that matrix, the weights of a weighted mean; 1 each if left out.

    Raises:
        MeasureError: no matrix at all, or sizes name other matrices than values.
    """

    def __init__(self, values: Mapping[str, float], sizes: Mapping[str, int] | None = None) -> None:
        if not values:
            raise MeasureError("a PerMatrix holds no matrix: give it at least one named value.")
        sizes = dict.fromkeys(values, 1) if sizes is None else sizes
        _same_names(values, sizes)
        self._values = {name: float(value) for name, value in values.items()}
        self._sizes = {name: int(sizes[name]) for name in values}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Number of entries of each matrix."""
        return MappingProxyType(self._sizes)

    def log(self) -> PerMatrix:
        """Natural logarithm; log(0) is -inf, of a negative number nan."""
        return self._apply(torch.log)

    def abs(self) -> PerMatrix:
        """Absolute value."""
        return self._apply(torch.abs)

    def _apply(self, function: Callable[..., Tensor], *others: Mapping[str, float] | float) -> PerMatrix:
        columns = [self._column(other) for other in (self, *others)]
        return PerMatrix(dict(zip(self._values, function(*columns).tolist(), strict=True)), self._sizes)

    def _column(self, other: Mapping[str, float] | float) -> Tensor:
        if isinstance(other, Mapping):
            _same_names(self, other)
            return torch.tensor([float(other[name]) for name in self], dtype=torch.float64)
        return torch.full((len(self),), float(other), dtype=torch.float64)

    def __add__(self, other):
        return self._apply(torch.add, other)

    def __sub__(self, other):
        return self._apply(torch.sub, other)

    def __mul__(self, other):
        return self._apply(torch.mul, other)

    def __truediv__(self, other):
        return self._apply(torch.div, other)

    def __pow__(self, other):
        return self._apply(torch.pow, other)

    def __rsub__(self, other):
        return self._apply(lambda mine, theirs: theirs - mine, other)

    def __rtruediv__(self, other):
        return self._apply(lambda mine, theirs: theirs / mine, other)

    def __neg__(self) -> PerMatrix:
        return self._apply(torch.neg)

    __radd__ = __add__
    __rmul__ = __mul__
    __abs__ = abs

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"PerMatrix({self._values})"


def _same_names(left: Mapping[str, object], right: Mapping[str, object]) -> None:
    if left.keys() != right.keys():
        odd = sorted(left.keys() ^ right.keys())
        raise MeasureError(
            f"two PerMatrix differ in their matrices ({', '.join(odd[:3])}{', ...' if len(odd) > 3 else ''} "
            "on one side only): measure both on the same set."
        )
