"""How far a measure of an arm lies from the same measure on draws of a surrogate, in their standard deviations.

    z = (measure(D) - mean over draws) / standard deviation over draws        per matrix

Source: |z| > 2 of 20 spectrum-matched draws, as the replication of arXiv 2511.08567 reports its energies.
Trap: with few draws z is wider than a normal: t with draws - 1 degrees times sqrt(1 + 1 / draws), so 2.1 sd wide at 5 % for
20 draws. And z grows with the size of a matrix: it says whether, not how much.
Cost: 20 Haar draws of a 576 x 576 and a 1536 x 576 matrix take 3.3 CPU-s, nearly all in the QR of their frames.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import torch

from harness import spectra
from harness.errors import MeasureError
from harness.nulls.registry import apply
from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix


def surrogate_z(
    change: Changed,
    measure: str | Callable[..., PerMatrix],
    surrogate: str,
    generator: torch.Generator,
    draws: int = 20,
    **args: Any,
) -> PerMatrix:
    """z of each matrix.

    Args:
        change: the arm.
        measure: the name of a measure in harness.spectra that answers with a PerMatrix, or such a function.
        surrogate: the name of a null or plant.
        generator: CPU generator for all draws.
        draws: 2 or more.
        args: further arguments of the measure.

    Raises:
        MeasureError: no such measure, fewer than two draws, or a measure that the surrogate leaves as it is.
        SpecError: no such surrogate.
    """
    if draws < 2:
        raise MeasureError(f"a standard deviation needs two draws or more, not {draws}.")
    read = _measure(measure) if isinstance(measure, str) else measure
    change = change.change()
    own = read(change, **args)
    drawn = [read(apply(surrogate, change, generator), **args) for _ in range(draws)]
    values = {}
    for name, value in own.items():
        sample = torch.tensor([draw[name] for draw in drawn], dtype=torch.float64)
        spread = sample.std().item()
        if spread <= 1e-9 * sample.abs().max().item():
            raise MeasureError(f"{measure} of {name} is the same on every draw of {surrogate}: it has no z against that null.")
        values[name] = (value - sample.mean().item()) / spread
    return change.per_matrix(values)


def haar_z(
    change: Changed, measure: str | Callable[..., PerMatrix], generator: torch.Generator, draws: int = 20, **args: Any
) -> PerMatrix:
    """z against spectrum-matched updates in random frames: above 2 the arm prefers what is measured, below -2 it avoids it.

    Args and errors as `surrogate_z`.
    """
    return surrogate_z(change, measure, "haar", generator, draws, **args)


def _measure(name: str) -> Callable[..., PerMatrix]:
    if name not in spectra.__all__ or not callable(getattr(spectra, name)):
        close = get_close_matches(name, spectra.__all__, n=1)
        raise MeasureError(f"unknown measure {name!r}" + (f": did you mean {close[0]!r}?" if close else "."))
    return getattr(spectra, name)
