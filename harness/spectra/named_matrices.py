"""Plain matrices by name (gradients, weights, momenta), checked one at a time and upcast to fp64.

Measures of a Change need a base; these need none. A gradient that is zero, not finite or not 2-D is refused in one sentence.
"""

from collections.abc import Iterator, Mapping
from math import isfinite

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.per_matrix import PerMatrix

FP32_EPS = torch.finfo(torch.float32).eps


def each(matrices: Mapping[str, Tensor], quantity: str, role: str = "gradient") -> Iterator[tuple[str, Tensor]]:
    """(name, (m, n) fp64), one at a time, in the order given.

    Args:
        matrices: name -> (m, n), any floating dtype; a model's `{name: p.grad}` as it is.
        quantity: what is asked of them, for the error's sentence.
        role: "gradient", "weight" and the like, for the same.

    Raises:
        MeasureError: none given; or one is None, not 2-D, not finite, or zero.
    """
    if not matrices:
        raise MeasureError(f"no {role} was given: {quantity} needs at least one named matrix.")
    for name, matrix in matrices.items():
        yield name, checked(matrix, name, quantity, role)


def checked(matrix: Tensor | None, name: str, quantity: str, role: str = "gradient") -> Tensor:
    """One matrix, (m, n) fp64. Raises as `each`."""
    if matrix is None:
        raise MeasureError(f"the {role} of {name} is None: {quantity} cannot be read; run a backward pass, or leave it out.")
    if matrix.ndim != 2:
        raise MeasureError(
            f"the {role} of {name} has shape {tuple(matrix.shape)}: "
            f"{quantity} can be read from 2-D matrices only; leave it out."
        )
    wide = matrix.detach().double()
    norm = torch.linalg.vector_norm(wide).item()
    if not isfinite(norm):
        raise MeasureError(f"the {role} of {name} holds entries that are not finite: {quantity} cannot be read.")
    if norm == 0.0:
        raise MeasureError(f"the {role} of {name} is zero: {quantity} cannot be read; leave it out.")
    return wide


def per_matrix(matrices: Mapping[str, Tensor], values: Mapping[str, float]) -> PerMatrix:
    """Values by name, weighted by the matrices' sizes."""
    return PerMatrix(values, {name: matrices[name].numel() for name in values})


def same_matrices(a: Mapping[str, Tensor], b: Mapping[str, Tensor], what: str) -> None:
    """Raises MeasureError unless both hold the same names with the same shapes."""
    if a.keys() != b.keys():
        name = min(a.keys() ^ b.keys())
        raise MeasureError(f"{name} is on one side only: {what} is between the same matrices.")
    for name, matrix in a.items():
        if matrix is not None and b[name] is not None and matrix.shape != b[name].shape:
            raise MeasureError(
                f"{name} is {tuple(matrix.shape)} on one side and {tuple(b[name].shape)} on the other: "
                f"{what} is between the same matrices."
            )
