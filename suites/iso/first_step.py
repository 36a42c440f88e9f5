"""Where the first step of isospectral AdamW on a random gradient lies: measured, and in closed form.

    W0 = U diag(s) V^T, n x n, s_i = i^-p;   D = W1 - W0 of one step on a Gaussian gradient
    enrichment = (n^2 / k^2) |U_k^T D V_k|_F^2 / |D|_F^2
               = (n^2 / k^2) E_k / E_n,   E_k = sum_{i != j <= k} (s_i^2 + s_j^2 + 2 rho s_i s_j) / 2
               = (k - 1) S_k + rho (T_k^2 - S_k),   S_k = sum_{i<=k} s_i^2,  T_k = sum_{i<=k} s_i

Adam's first step on a frame is a sign matrix, of which the skew part stays after the retraction: C = U^T D V = A S - S B with
A and B skew and, as signs of one Gaussian matrix, of correlation -rho, rho = 2 / pi. So E C_ij^2 ~ s_i^2 + s_j^2 + 2 rho s_i s_j,
and 0 on the diagonal: a step of one size in all directions of the frame is large where s is, at any gradient. With flat s it is
(1 - 1/k) / (1 - 1/n), and for AdamW on W itself 1.

Source: the sheet's 2.3 computes 10 at s ~ i^-.5, 20 at i^-1, 1.06 at flat (n = 512, k = 32); the closed form is derived here.
Trap: with flat s every frame is one of W0's; that of the construction is read here, not LAPACK's.
No torch is imported before a function is called.
"""

from math import fsum, pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator

SIZE, LEADING = 256, 16
"""n and k, with the sheet's n / k."""

STEEP, ROOT, FLAT = 1.0, 0.5, 0.0
"""Powers p of the spectra s_i = i^-p of the sheet."""

LR = 1e-4
RHO = 2 / pi


def enrichment(rng: "Generator", power: float, optimizer: str = "iso", size: int = SIZE, k: int = LEADING) -> float:
    """Energy of the first step in the leading k x k block over its chance k^2 / n^2.

    Args:
        rng: draws frames and gradient.
        power: p.
        optimizer: "iso" (ISO-AdamW) or "adamw" (AdamW on W).
        size: n.
        k: leading directions.
    """
    import torch
    from harness.optimizers import IsoOptimizer, Isospectral

    u, v = (torch.linalg.qr(torch.randn(size, size, generator=rng)).Q for _ in range(2))
    weight = torch.nn.Parameter(u * torch.arange(1.0, size + 1).pow(-power) @ v.T)
    before, weight.grad = weight.detach().double(), torch.randn(size, size, generator=rng)
    if optimizer == "iso":
        IsoOptimizer([weight], lr=LR, iso=Isospectral()).step()
    else:
        torch.optim.AdamW([weight], lr=LR, weight_decay=0.0).step()
    moved = weight.detach().double() - before
    block = u[:, :k].double().T @ moved @ v[:, :k].double()
    return ((block.norm() / moved.norm()).square() * size**2 / k**2).item()


def predicted(power: float, size: int = SIZE, k: int = LEADING) -> float:
    """The closed form, for "iso"."""

    def energy(count: int) -> float:
        values = [i**-power for i in range(1, count + 1)]
        squares = fsum(s * s for s in values)
        return (count - 1) * squares + RHO * (fsum(values) ** 2 - squares)

    return size**2 / k**2 * energy(k) / energy(size)
