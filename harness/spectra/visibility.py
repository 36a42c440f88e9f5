"""How far an update must be stretched before a stored weight shows it, and the update stretched to a given density.

    t_ij = |boundary_ij - W0_ij| / |D_ij|,  boundary the midpoint between cast(W0_ij) and its neighbour on D's side

Entry ij of cast(W0 + s D) differs from cast(W0) once s exceeds t_ij, and stays different: along a ray the density is the
distribution function of t, so the scale that gives a density is one order statistic and no bisection is needed.

Source: arXiv 2511.08567, Cor. 3.6 (visible above half a step), here exact for weights off the grid too.
Trap: density-matched nulls (2606.07082 Fig. 3) are a function of this scale alone; overlap follows from density.
"""

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.spectra.change import Change, Changed
from harness.spectra.precision import storage_dtype


def visibility_scale(base: Tensor, update: Tensor, dtype: str | torch.dtype = "bf16") -> Tensor:
    """t of each entry, (m, n) fp64; inf where the update is 0.

    Args:
        base: (m, n) fp32.
        update: (m, n) fp64.
        dtype: storage format.
    """
    target = storage_dtype(dtype)
    stored = base.to(target)
    towards = torch.where(update > 0, torch.inf, -torch.inf).to(target)
    neighbour = torch.nextafter(stored, towards)
    boundary = (stored.double() + neighbour.double()) / 2
    distance = (boundary - base.double()).abs()
    return torch.where(update == 0, torch.inf, distance / update.abs())


def visible_chance(base: Tensor, spread: float, dtype: str | torch.dtype = "bf16") -> Tensor:
    """Probability that Gaussian noise changes each stored entry, (m, n) fp64.

    Args:
        base: (m, n) fp32.
        spread: standard deviation of the noise in every entry, not negative; |D|_F / sqrt(mn) for noise of a given norm.
        dtype: storage format.
    """
    sides = (visibility_scale(base, torch.full_like(base, step, dtype=torch.float64), dtype) for step in (1.0, -1.0))
    return sum(torch.erfc(distance / (spread * 2**0.5)) / 2 for distance in sides)


def at_density(change: Changed, density: float, dtype: str | torch.dtype = "bf16") -> Change:
    """The update of every matrix stretched until that share of its stored entries differs.

    Args:
        change: the update to stretch; its trajectory is dropped.
        density: share of the entries that shall have changed, in (0, 1); met to one entry, ties apart.
        dtype: storage format.

    Raises:
        MeasureError: density outside (0, 1), or fewer entries than that move at any scale.
    """
    if not 0.0 < density < 1.0:
        raise MeasureError(f"a density of {density} cannot be met by stretching an update: it must lie strictly between 0 and 1.")
    change = change.change()
    factors = {}
    for name, w0 in change.base.items():
        scales = visibility_scale(w0, change.update[name], dtype).flatten()
        count = max(1, round(density * len(scales)))
        # The count-th smallest t is the last entry to show: step over it by a part in 1e9.
        factor = scales.kthvalue(count).values.item() * (1 + 1e-9)
        if factor == float("inf"):
            raise MeasureError(f"the update of {name} is zero in too many entries to change {density:.1%} of them.")
        factors[name] = factor
    stretched = change.scaled(factors)
    return Change(stretched.base, stretched.update, label=f"{change.label} at density {density:g}", arm=change.arm, seed=change.seed)
