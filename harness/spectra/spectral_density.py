"""How the energy of a large matrix is spread over its singular values, without computing them.

    Q = orth [X, A X, ..., A^(steps-1) X],   A = D^T D,  X (n, 16) random and orthonormal
    T = Q^T A Q = Y diag(theta) Y^T,         w_ir = Y_ri^2,   r among the 16 columns of X
    sum_j f(sigma_j^2)  ~  n mean over r of sum_i w_ir f(theta_i)

is unbiased but for the quadrature, which is exact for polynomials of degree 2 steps - 1. The 16 columns are 16 estimates: their
spread gives the standard error; what two thirds of the steps would have said gives the quadrature's. |D|_F is exact, and the
largest theta is |D|_2^2 from below, to some 1e-4 for noise.
Source: Ubaru, Chen & Saad 2017 (stochastic Lanczos quadrature), here in one block; Golub & Underwood 1977.
Trap: these are counts of a spectrum, good to per cents (4096 x 4096 noise: 1 %, in .4 CPU-s against 5.5). A shift of single
values (NSS, kappa) cannot be read from them.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.difference import norm as norm_of
from harness.spectra.products import full_fp32

COLUMNS, STEPS, FEWER = 16, 12, 8


class Estimate(NamedTuple):
    """A count, and its error: twice the standard error plus what the last third of the steps has changed."""

    value: float
    error: float


class Quadrature(NamedTuple):
    """Nodes theta (t,) fp64, largest first, and their weights as seen by every column, (t, columns); each column adds up to 1."""

    nodes: Tensor
    weights: Tensor


class SpectralDensity(NamedTuple):
    """The quadrature of all steps and that of fewer; squares of sigma are in units of |D|_F^2.

    Attributes:
        full, fewer: see Quadrature.
        n: eigenvalues of A that the weights stand for.
        q: singular values, min(m, n).
    """

    full: Quadrature
    fewer: Quadrature
    n: int
    q: int

    @classmethod
    def of(cls, matrix: Tensor, seed: int = 0) -> "SpectralDensity":
        """The density of a matrix (m, n), fp32 or fp64, finite.

        Args:
            matrix: on any device.
            seed: of X.

        Raises:
            MeasureError: the matrix is zero.
        """
        tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        n = tall.shape[1]
        norm = norm_of(matrix)
        if norm == 0.0:
            raise MeasureError("the update is zero: its rank is undefined; leave out the matrices that were frozen.")
        block = torch.randn(n, min(COLUMNS, n), generator=torch.Generator().manual_seed(seed)).to(tall)
        kept, images = [torch.linalg.qr(block).Q], []
        with full_fp32(tall.device):
            for _ in range(max(1, min(STEPS, n // kept[0].shape[1]))):
                image = ((kept[-1].T @ tall.T) / norm @ tall).T / norm
                images.append(image)
                kept.append(_orthonormal_to(kept, image))
        basis, applied = torch.cat(kept[:-1], 1).double(), torch.cat(images, 1).double()
        inner = ((basis.T @ applied + applied.T @ basis) / 2).cpu()
        width = kept[0].shape[1]
        fewer = width * max(1, min(FEWER, len(images) - 1))
        return cls(_quadrature(inner, width), _quadrature(inner[:fewer, :fewer], width), n, min(matrix.shape))

    def stable_rank(self) -> Estimate:
        """|D|_F^2 / |D|_2^2; too large, if at all."""
        value, fewer = (1 / each.nodes[0].item() for each in (self.full, self.fewer))
        return Estimate(value, abs(value - fewer))

    def entropy_rank(self) -> Estimate:
        """exp of the entropy of sigma / sum sigma (Roy & Vetterli 2007)."""

        def rank(nodes: Tensor, w: Tensor) -> Tensor:
            sigma = nodes.sqrt()
            total = self.n * (w * sigma).sum()
            return (total.log() - self.n * (w * torch.xlogy(sigma, sigma)).sum() / total).exp()

        return self._estimate(rank)

    def energy_rank(self, share: float = 0.99) -> Estimate:
        """How many of the largest singular values hold `share` of |D|_F^2.

        Where the nodes themselves add up to that (an adapter's update), they are counted. Else their weights are, and within a
        node's weight its energy is shared evenly.
        """
        found, fewer = (int((each.nodes.cumsum(0) < share).sum()) + 1 for each in (self.full, self.fewer))
        if found <= len(self.full.nodes):
            return Estimate(float(found), float(abs(found - min(fewer, len(self.fewer.nodes)))))

        def rank(nodes: Tensor, w: Tensor) -> Tensor:
            count, energy = (torch.nn.functional.pad(part.cumsum(0), (1, 0)) for part in (self.n * w, w * nodes))
            energy = energy / energy[-1]
            at = int(torch.searchsorted(energy, torch.tensor(share, dtype=w.dtype)))
            part = (share - energy[at - 1]) / (energy[at] - energy[at - 1])
            return (count[at - 1] + part * (count[at] - count[at - 1])).clamp(min=1.0, max=float(self.q))

        return self._estimate(rank)

    def _estimate(self, measure: Callable[[Tensor, Tensor], Tensor]) -> Estimate:
        """At the mean weights; the standard error by leaving out one column at a time."""
        nodes, columns = self.full
        value, number = measure(nodes, columns.mean(1)).item(), columns.shape[1]
        quadrature = abs(value - measure(self.fewer.nodes, self.fewer.weights.mean(1)).item())
        if number < 2:
            return Estimate(value, quadrature)
        left = torch.stack([measure(nodes, (columns.sum(1) - columns[:, r]) / (number - 1)) for r in range(number)])
        return Estimate(value, 2 * sqrt(left.var(correction=0).item() * (number - 1)) + quadrature)


def _orthonormal_to(kept: list[Tensor], block: Tensor) -> Tensor:
    """Columns of what a block adds to those kept. Twice: where it adds nothing (a low rank is used up), QR fills in what it likes."""
    for _ in range(2):
        for q in kept:
            block = block - q @ (q.T @ block)
        block = torch.linalg.qr(block).Q
    return block


def _quadrature(inner: Tensor, width: int) -> Quadrature:
    nodes, vectors = torch.linalg.eigh(inner)
    return Quadrature(nodes.flip(0).clamp(min=0.0), vectors[:width].T.square().flip(0))
