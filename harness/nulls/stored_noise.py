"""Isotropic noise added to a matrix as it is stored: what a checkpoint would hold had training been noise of one norm.

    stored(W0 + s Z),  Z Gaussian,  s such that |stored(W0 + s Z) - W0|_F is what was asked

The null of what is read from a pair of checkpoints on disk, and of single matrices too large to be held in fp64. In 16 bits the
norm is matched after rounding, since the update's own was read after rounding: matched before, noise of relative size 1e-3 on
bf16 weights keeps .82 of it, and everything that grows with the norm (density, NSS, angle) looks as if it exceeded its null.
"""

from math import sqrt

import torch
from torch import Tensor

from harness.spectra.difference import norm as norm_of
from harness.spectra.products import rows_of

COUNTED = 2**18


def noise_added(w0: Tensor, norm: float, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """W0 plus isotropic noise of a Frobenius norm, (m, n) in dtype; drawn on the CPU, so that a device plays no part."""
    noise = torch.randn(w0.shape, generator=generator)
    noise *= norm / norm_of(noise)
    noise = noise.to(w0.device)
    for part, base in zip(noise.split(rows_of(w0)), w0.split(rows_of(w0)), strict=True):
        part += base.float()
    return noise.to(dtype)


def norm_before_rounding(w0: Tensor, norm: float, dtype: torch.dtype, generator: torch.Generator) -> float:
    """The norm of isotropic noise that has `norm` left, or gained, once base and noisy weights are stored in dtype.

    Found by bisection on one draw for 2^18 entries of the base at most: within 1 % where most entries move, 3 % where few do.
    """
    flat = w0.flatten()
    if len(flat) > COUNTED:
        flat = flat[torch.randint(len(flat), (COUNTED,), generator=generator).to(flat.device)]
    wide = flat.float()
    noise = torch.randn(len(flat), generator=generator).to(flat.device)
    wanted = norm / sqrt(w0.numel()) * sqrt(len(flat))
    spread = norm / sqrt(w0.numel())
    low, high = spread / 64, spread * 4
    for _ in range(24):
        middle = sqrt(low * high)
        left = norm_of((wide + middle * noise).to(dtype).float() - wide)
        low, high = (middle, high) if left < wanted else (low, middle)
    return sqrt(low * high) * sqrt(w0.numel())
