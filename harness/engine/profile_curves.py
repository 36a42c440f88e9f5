"""Curves and maps as a store keeps them: binned, thinned, in as many digits as a picture shows, as rows of table `profiles`.

    bins(a, 64, 64)   sums over blocks of rows and columns, as equal as they come, the first ones longer (torch.tensor_split)
    thinned(1024)     256 of the indices 0..1023, dense at the start, where a spectrum has its large values

A map of 64 x 64 bins fills the width of a phone, and a curve's tail is smooth. Curves are rounded to 24 bits (3e-8 of each
number), maps and references to 12 (1.2e-4): that makes the file a third smaller. What is small beside another number (a drift)
is computed before that.
"""

from collections.abc import Iterable, Sequence
from math import isfinite, nan

import torch
from torch import Tensor

METRIC_VERSION = 1
MOST_POINTS = 256
CURVE_BITS, MAP_BITS = 24, 12


def bins(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """Sums over blocks, (rows, columns) fp64.

    Args:
        matrix: (m, n), any dtype.
        rows, columns: how many blocks a side, at most m and n.
    """
    slabs = torch.stack([part.sum(0) for part in matrix.double().tensor_split(rows, 0)])
    return torch.stack([part.sum(1) for part in slabs.tensor_split(columns, 1)], 1)


def bin_sizes(size: int, count: int) -> Tensor:
    """How many rows (or columns) each of `count` bins of `size` holds, (count,) fp64."""
    return torch.tensor([len(part) for part in torch.arange(size).tensor_split(count)], dtype=torch.float64)


def bin_means(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """Means over the blocks of `bins`, (rows, columns) fp64."""
    m, n = matrix.shape
    return bins(matrix, rows, columns) / torch.outer(bin_sizes(m, rows), bin_sizes(n, columns))


def bin_starts(size: int, count: int) -> list[int]:
    """Number of the first row of every bin, counted from 1."""
    return [int(part[0]) + 1 for part in torch.arange(size).tensor_split(count)]


def thinned(size: int, most: int = MOST_POINTS) -> list[int]:
    """Indices of a curve of so many points that are kept: all, or `most` of them, spaced in the logarithm, with both ends.

    Equal neighbours of the dense start are told apart, so the first indices are 0, 1, 2 ... without a gap.
    """
    if size <= most:
        return list(range(size))
    grid = torch.logspace(0, 1, most, base=float(size), dtype=torch.float64).round().long()
    kept, last = [], 0
    for left, value in zip(range(most, 0, -1), grid.tolist(), strict=True):
        last = min(max(value, last + 1), size - left + 1)
        kept.append(last - 1)
    return kept


def floats(values: Tensor | Iterable[float], bits: int = CURVE_BITS) -> list[float | None]:
    """Flat Python floats of so many binary digits; None for what is not finite."""
    flat = values.flatten().tolist() if isinstance(values, Tensor) else [float(value) for value in values]
    mantissas, exponents = torch.frexp(torch.tensor(flat, dtype=torch.float64).nan_to_num(posinf=nan, neginf=nan, nan=nan))
    rounded = torch.ldexp((mantissas * 2.0**bits).round() / 2.0**bits, exponents).tolist()
    return [value if isfinite(value) else None for value in rounded]


def row(
    kind: str,
    y: Tensor | Sequence[float],
    x: Sequence[int] | None,
    reference: Tensor | Sequence[float] | None = None,
    reference_name: str | None = None,
    *,
    shape: tuple[int, ...] | None = None,
    detail: str | None = None,
) -> dict:
    """A row of table `profiles`, without the columns that say whose it is.

    Args:
        kind: of curve or map.
        y: values; of a map (rows, columns).
        x: of a curve; None for a map.
        reference, reference_name: what noise or chance gives, as long as y, or one value; and what that is.
        shape: of a map.
        detail: a sentence.
    """
    rows, cols = shape or (None, None)
    values = floats(y, MAP_BITS if shape else CURVE_BITS)
    found = {"kind": kind, "x": None if x is None else list(x), "y": values, "rows": rows, "cols": cols, "status": "ok"}
    known = {} if reference is None else {"reference": floats(reference, MAP_BITS), "reference_name": reference_name}
    return found | known | {"detail": detail, "metric_version": METRIC_VERSION}


def refused(kind: str, why: str, status: str = "undefined") -> dict:
    """A row without values that says why: "undefined" here, or "nonfinite" weights."""
    return {"kind": kind, "status": status, "detail": why, "metric_version": METRIC_VERSION}


def mean(values: Sequence[Tensor]) -> Tensor | None:
    """Entry by entry; None of none."""
    return torch.stack(list(values)).mean(0) if values else None


def draws_of_noise(how: str, draws: int) -> str:
    """What a reference that was drawn is called."""
    return f"isotropic noise of this norm, {how} of {draws} draw{'s' * (draws != 1)}"
