"""Gradients as Kronecker-factored curvature would have them, and factors of the wrong layer: plant and null of alignment.

    drawn     D = G^(1/2) Z A^(1/2),  Z Gaussian:   E[D D^T] = tr(A) G,   E[D^T D] = tr(G) A
    swapped   every matrix with the factors of another layer's matrix of its name and shape
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.spectra.kfac import KroneckerFactors
    from torch import Generator, Tensor

Factors = Mapping[str, "KroneckerFactors"]


def drawn(factors: Factors, generator: "Generator") -> dict[str, "Tensor"]:
    """A gradient for every matrix, (m, n) fp64, with the factors' geometry and nothing else."""
    import torch

    found = {}
    for name in sorted(factors):
        left, right = _root(factors[name].G), _root(factors[name].A)
        found[name] = left @ torch.randn(len(left), len(right), generator=generator).double() @ right
    return {name: found[name] for name in factors}


def swapped(factors: Factors) -> dict[str, "KroneckerFactors"]:
    """Factors of the next layer's matrix of the same module, the last layer's of the first's; two layers or more."""
    by_module: dict[str, list[str]] = {}
    for name in factors:
        by_module.setdefault(name.split(".", 2)[2], []).append(name)
    following = {name: names[(i + 1) % len(names)] for names in by_module.values() for i, name in enumerate(names)}
    return {name: factors[following[name]] for name in factors}


def _root(square: "Tensor") -> "Tensor":
    import torch

    values, vectors = torch.linalg.eigh(square)
    return (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
