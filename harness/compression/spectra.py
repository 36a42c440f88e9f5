"""Singular values of many weights, one matrix at a time: all that rank allocation reads.

A 7B model's 224 matrices leave 224 short vectors; no matrix is kept, no vectors are computed.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.named_matrices import checked
from harness.spectra.singular_values import singular_values


class Spectrum(NamedTuple):
    """Singular values of one matrix, (q,) fp64 largest first, and its shape (m, n)."""

    values: Tensor
    shape: tuple[int, int]

    @property
    def q(self) -> int:
        """min(m, n), its full rank."""
        return len(self.values)


def value_spectra(weights: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> dict[str, Spectrum]:
    """The spectrum of every matrix.

    Args:
        weights: name -> (m, n), or pairs as they are read from disk; any floating dtype, upcast one at a time.

    Raises:
        MeasureError: no matrix, a name given twice, or a matrix that is zero, not finite or not 2-D.
    """
    found: dict[str, Spectrum] = {}
    for name, matrix in weights.items() if isinstance(weights, Mapping) else weights:
        if name in found:
            raise MeasureError(f"{name} was given twice: a rank is allocated to each matrix once.")
        found[name] = _spectrum(matrix, name)
        del matrix  # else it is held while the next is read
    if not found:
        raise MeasureError("ranks are allocated to weights: none was given.")
    return found


def gaussian_spectra(like: Mapping[str, Spectrum], generator: torch.Generator) -> dict[str, Spectrum]:
    """Spectra of Gaussian matrices of the same shapes: the size-matched null of every statement on how ranks are spread.

    Args:
        like: whose names and shapes to take.
        generator: CPU generator; matrices draw by sorted name.
    """
    drawn = {
        name: Spectrum(singular_values(torch.randn(like[name].shape, generator=generator)), like[name].shape)
        for name in sorted(like)
    }
    return {name: drawn[name] for name in like}


def _spectrum(matrix: Tensor, name: str) -> Spectrum:
    wide = checked(matrix, name, "its spectrum", "weight")
    return Spectrum(singular_values(wide).cpu(), (wide.shape[0], wide.shape[1]))
