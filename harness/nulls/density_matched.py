"""Isotropic noise that changes as many stored entries as the arm did, matrix by matrix.

    D = s Z,  Z Gaussian, s such that the density of cast(W0 + s Z) != cast(W0) is the arm's

The null of every statement about where visible changes lie: at one density noise reads M_low .74 (density .28) to .32
(density .93), the whole "SFT < OPD < RLVR selectivity" of arXiv 2606.07082, Fig. 3.
Trap: |D|_F is not kept. An update with a few large entries needs a larger norm than noise for the same density; compare
energies with `isotropic`, masks with this. Density is met to a few entries in 1000 (those that fp32 rounding moves over a
midpoint), and never as 1: the last entry alone would set the scale, so one entry stays.
"""

import torch
from torch import Tensor

from harness.nulls.surrogate import at_every_snapshot, gaussian, standing_in
from harness.spectra.bf16_change import change_density
from harness.spectra.change import Change, Changed
from harness.spectra.visibility import visibility_scale


def density_matched(change: Changed, generator: torch.Generator, dtype: str = "bf16") -> Change:
    """Noise of the same change density in every matrix and snapshot; a snapshot that changed nothing stays zero.

    Args:
        change: whose densities to keep.
        generator: CPU generator.
        dtype: storage format in which entries count as changed.
    """
    change = change.change()
    label = "null:density_matched"
    drawn = {name: gaussian(change.base[name].shape, generator) for name in sorted(change.base)}
    scales = {
        name: visibility_scale(w0, drawn[name], dtype).flatten().sort().values for name, w0 in change.base.items()
    }

    def stretched(like: Change) -> Change:
        density = change_density(like, dtype)
        return standing_in(like, {name: drawn[name] * _factor(scales[name], density[name]) for name in like.base}, label)

    return at_every_snapshot(change, stretched)


def _factor(scales: Tensor, density: float) -> float:
    count = min(round(density * len(scales)), len(scales) - 1)
    # The count-th smallest scale is the last entry to show: step over it by a part in 1e9.
    return scales[count - 1].item() * (1 + 1e-9) if count > 0 else 0.0
