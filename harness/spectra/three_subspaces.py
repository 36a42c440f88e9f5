"""Three subspaces that papers call "the" low-rank or principal one, kept apart by name and by type.

    principal of the gradient   U_k, V_k of G           where the next step goes                        GaLore 2403.03507
    principal of the weight     U_k, V_k of W           where the weights are large                     2511.08567
    top of the Hessian          k eigenvectors of H     where the loss is steep (in R^P, not in R^m)    1812.04754

Shares of an update D in each, with chance:

    principal   |U_k^T D|^2 / |D|^2   k / m      |D V_k|^2 / |D|^2   k / n      |U_k^T D V_k|^2 / |D|^2   k^2 / (mn)
    top         |V^T d|^2 / |d|^2     k / P

Trap: they are not the same and may be opposite. In GaLore's own lemma 3.3 (G = mean of A - B W C, S = mean of C (x) B) the
gradient that survives lies in the eigenspace of the *smallest* eigenvalue of the Hessian S: its principal space is the
flattest there is, while Gur-Ari's gradients lie in the top. That "principal directions of W are steep" (2511.08567) is an
assumption; measure it: `steepness_in` says how much of the Hessian's top lies in a principal space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.curvature import Loss
from harness.spectra.hessian_top import HessianTop, hessian_top
from harness.spectra.named_matrices import each, per_matrix, same_matrices
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.subspace_overlap import Side, leading_directions

Sides = Literal["left", "right", "both"]


@dataclass(frozen=True, eq=False)
class PrincipalSpace:
    """k leading singular directions of every matrix of one kind.

    Attributes:
        left: name -> (m, k) fp64, orthonormal.
        right: name -> (n, k).
        k: directions.
    """

    left: Mapping[str, Tensor]
    right: Mapping[str, Tensor]
    k: int

    def share(self, update: Mapping[str, Tensor], sides: Sides = "both") -> PerMatrix:
        """Energy share of an update (m, n) per matrix in this space, in [0, 1].

        Raises:
            MeasureError: other matrices, an unknown side, or an update that is None, zero, not finite or not 2-D.
        """
        same_matrices(update, self._like(), "a share")
        found = {}
        for name, d in each(update, "its share in a subspace", "direction"):
            found[name] = (self._inside(name, d, sides).square().sum() / d.square().sum()).item()
        return per_matrix(update, found)

    def chance(self, sides: Sides = "both") -> PerMatrix:
        """What an isotropic update reads."""
        found = {}
        for name, shape in self._like().items():
            m, n = shape.shape
            found[name] = {"left": self.k / m, "right": self.k / n, "both": self.k**2 / (m * n)}[_known(sides)]
        return per_matrix(self._like(), found)

    def overlap(self, other: PrincipalSpace, side: Side = "left") -> PerMatrix:
        """|U^T U'|_F^2 / k of two principal spaces of one k (of gradient and weight, or over time); chance k / m or k / n.

        Raises:
            MeasureError: other matrices, another k, or an unknown side.
        """
        if self.k != other.k:
            raise MeasureError(f"principal spaces of {self.k} and {other.k} directions: compare equal k.")
        if side not in ("left", "right"):
            raise MeasureError(f"unknown side {side!r}: use 'left' or 'right'.")
        same_matrices(self._like(), other._like(), "an overlap")
        mine, theirs = getattr(self, side), getattr(other, side)
        return per_matrix(self._like(), {name: (mine[name].T @ theirs[name]).square().sum().item() / self.k for name in mine})

    def steepness_in(self, top: HessianTop, sides: Sides = "both") -> PerMatrix:
        """Share of the Hessian's top eigenvectors that lies in this space, per matrix; chance as for an update.

            sum over i of |U_k^T v_i V_k|^2 / sum over i of |v_i|^2,   v_i the part of eigenvector i in that matrix

        Raises:
            MeasureError: the Hessian was not taken over these matrices, its top has no part in one of them, or an unknown side.
        """
        found = {}
        for name, shape in self._like().items():
            if name not in top.vectors or top.vectors[name].shape[1:] != shape.shape:
                raise MeasureError(f"{name} is no parameter of that Hessian: take its top over the same matrices.")
            vectors = top.vectors[name]
            total = vectors.square().sum().item()
            if total == 0.0:
                raise MeasureError(
                    f"the Hessian's top has no part in {name}: its share there is undefined; leave the matrix out."
                )
            found[name] = sum(self._inside(name, v, sides).square().sum().item() for v in vectors) / total
        return per_matrix(self._like(), found)

    def _inside(self, name: str, d: Tensor, sides: Sides) -> Tensor:
        if _known(sides) in ("left", "both"):
            d = self.left[name].T @ d
        return d @ self.right[name] if sides in ("right", "both") else d

    def _like(self) -> dict[str, Tensor]:
        """name -> a tensor of the matrix's shape, without its memory."""
        return {name: u.new_empty(()).expand(len(u), len(self.right[name])) for name, u in self.left.items()}


class GradientSpace(PrincipalSpace):
    """Principal of the gradient."""


class WeightSpace(PrincipalSpace):
    """Principal of the weight."""


def principal_of_gradient(gradients: Mapping[str, Tensor], k: int) -> GradientSpace:
    """The k leading singular directions of every gradient.

    Raises:
        MeasureError: k above a matrix's numerical rank, or a gradient that is None, zero, not finite or not 2-D.
    """
    return _principal(GradientSpace, gradients, k, "gradient")


def principal_of_weight(weights: Mapping[str, Tensor], k: int) -> WeightSpace:
    """The k leading singular directions of every weight. Raises as `principal_of_gradient`."""
    return _principal(WeightSpace, weights, k, "weight")


def top_of_hessian(loss: Loss, parameters: Mapping[str, Tensor], k: int, **options: float) -> HessianTop:
    """The Hessian's k top eigenvectors over these parameters together: `hessian_top`, by the name it has here."""
    return hessian_top(loss, parameters, k, **options)


def _principal(kind: type, matrices: Mapping[str, Tensor], k: int, role: str):
    left, right = {}, {}
    for name, matrix in each(matrices, "its principal space", role):
        left[name], right[name] = (leading_directions(matrix, k, side, name, role) for side in ("left", "right"))
    return kind(left, right, k)


def _known(sides: str) -> str:
    if sides not in ("left", "right", "both"):
        raise MeasureError(f"unknown side {sides!r}: use 'left', 'right' or 'both'.")
    return sides
