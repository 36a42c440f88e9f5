"""Shares that a few directions hold of the sides of fifty adapters, matrix by matrix, and of stand-ins for them.

    factors     rows of A and columns of B as trained, all N r of them in one stack, centred: what depends on the gauge
    sides       "input" and "output" axes of the updates as they are: rows S V^T and columns U S, whatever the gauge
    models      the "model" axis, centred

    made = "trained"     the updates themselves
           "matched"     their singular values on random directions, each adapter for itself
           "one_output"  the same with one output frame for all,  "one_frame" with one for either side
           "sixteen"     random mixtures of 16 random matrices
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from suites.universal_subspace.paper import MODELS, RANK

if TYPE_CHECKING:
    from harness.engine.families import Family, Sides
    from harness.spectra import PerMatrix
    from torch import Generator, Tensor

DRAWS = 3
"""Of a null, whose mean is taken."""


def factor_share(family: "Family", factor: str, step: int = -1, less_start: bool = False) -> "PerMatrix":
    """Share that RANK directions hold of all rows of A ("a") or columns of B ("b").

    Args:
        family: adapters.
        factor: "a" or "b".
        step: after which they are read.
        less_start: whether what the factors were before the first step is taken off.
    """
    from harness.spectra import PerMatrix
    from harness.spectra.hosvd import top_share

    now, start = family.factors(step), family.factors(0) if less_start else {}
    found = {}
    for name, sides in now.items():
        rows = _rows(sides, factor) - (_rows(start[name], factor) if less_start else 0.0)
        found[name] = top_share(rows[:, None], "input", RANK)
    return PerMatrix(found)


def side_excess(family: "Family", axis: str, rng: "Generator", made: str = "trained") -> "PerMatrix":
    """Share that RANK directions hold of a side, less what they hold of the matched null."""
    return _shares(stacks(family, rng, made), axis) - null_shares(family, axis, rng)


def side_share(family: "Family", axis: str, rng: "Generator", made: str = "trained") -> "PerMatrix":
    """Share that RANK directions hold of a side."""
    return _shares(stacks(family, rng, made), axis)


def model_share(family: "Family", rng: "Generator", made: str = "trained") -> "PerMatrix":
    """Share of variance that MODELS directions hold among the updates."""
    return _shares(stacks(family, rng, made), "model")


def null_shares(family: "Family", axis: str, rng: "Generator") -> "PerMatrix":
    """What an axis reads of the matched null, mean of DRAWS."""
    return sum(_shares(stacks(family, rng, "matched"), axis) for _ in range(DRAWS)) * (1 / DRAWS)


def stacks(family: "Family", rng: "Generator", made: str = "trained") -> "dict[str, Tensor]":
    """(N, m, n) of every matrix: see the top of the file."""
    import torch
    from harness.nulls.strength_matched import frames, strength_matched

    if made == "trained":
        return family.stacked()
    found = {}
    for name, sides in family.factors().items():
        (count, m, r), n = sides.b.shape, sides.a.shape[2]
        if made == "sixteen":
            mixed = torch.randn(count, MODELS, generator=rng, dtype=torch.float64)
            found[name] = torch.einsum("nk,kij->nij", mixed, torch.randn(MODELS, m, n, generator=rng, dtype=torch.float64))
            continue
        values = sides.updates.values()
        if made == "matched":
            found[name] = strength_matched(values, m, n, rng)
            continue
        left = frames(1, m, r, rng)
        right = frames(1 if made == "one_frame" else count, n, r, rng)
        found[name] = (left * values[:, None]) @ right.mT
    return found


def _shares(stacked: "Mapping[str, Tensor]", axis: str) -> "PerMatrix":
    from harness.spectra import PerMatrix
    from harness.spectra.hosvd import top_share

    k, centred = (MODELS, True) if axis == "model" else (RANK, False)
    return PerMatrix({name: top_share(stack, axis, k, centred=centred) for name, stack in stacked.items()})


def _rows(sides: "Sides", factor: str) -> "Tensor":
    """(N r, d): the rows of A, or the columns of B."""
    return (sides.a if factor == "a" else sides.b.mT).flatten(0, 1)
