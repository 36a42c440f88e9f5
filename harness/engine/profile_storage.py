"""What bf16 storage shows of an update, as curves and a map: where the changed entries lie.

    mask_overlap          share of the changed entries in M_princ, in M_low, in both;  reference: chance
    mask_overlap_noise    the same three read from noise (mean);  reference: chance
    bf16_map              share of changed entries in up to 64 x 64 blocks;  reference: the share that noise changes
    bf16_rows, bf16_cols  the same by rows and by columns: stripes;  reference: what noise changes there, entry by entry

Source: arXiv 2511.08567, Sec. 4.2; masks, visibility and stripes as in harness.spectra.
Trap: chance is not the null. bf16 shows an update where |W0| is small, so noise lies in M_low and avoids M_princ as well, and
rows of small weights are stripes of any update. What noise shows of a row is in closed form (`visible_chance`), without a draw.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.engine.profile_curves import bin_means, bin_starts, draws_of_noise, mean, refused, row
from harness.errors import MeasureError
from harness.spectra.bf16_change import changed_masks
from harness.spectra.change import Change

ALPHA, MAP_BINS = 0.3, 64
CHANCE = "chance: each mask's share of the entries"
CLOSED_FORM = "isotropic noise of this norm, in closed form"
OVERLAPS = ("mask_overlap", "mask_overlap_noise")
MAPS = ("bf16_map", "bf16_rows", "bf16_cols")


def overlap_rows(change: Change, noises: Sequence[Change], masks: Sequence[Tensor]) -> list[dict]:
    """Where the changed entries of one matrix lie, and where those of noise do.

    Args:
        change: of one matrix.
        noises: of its norm; none: only the matrix's own row.
        masks: M_princ, M_low and both, (m, n) bool.

    Raises:
        MeasureError: no entry changes.
    """
    chance = [mask.double().mean() for mask in masks]
    detail = f"share of the changed bf16 entries in M_princ, in M_low and in both, at alpha = {ALPHA:g} and rank q/8"
    rows = [row("mask_overlap", _shares(change, masks), [], chance, CHANCE, detail=detail)]
    drawn = []
    for noise in noises:
        try:
            drawn.append(torch.tensor(_shares(noise, masks), dtype=torch.float64))
        except MeasureError:
            continue  # so small that nothing shows of this draw: the mean is of the others
    if drawn:
        rows.append(row("mask_overlap_noise", mean(drawn), [], chance, CHANCE, detail=draws_of_noise("mean", len(drawn))))
    elif noises:
        rows.append(refused("mask_overlap_noise", "noise of this norm changes no entry in bf16"))
    return rows


def map_rows(change: Change, chance: Tensor) -> list[dict]:
    """Map and stripes of the changed entries of one matrix.

    Args:
        change: of one matrix.
        chance: (m, n), that noise of its norm changes an entry.
    """
    [changed] = changed_masks(change).values()
    (m, n), shape = changed.shape, tuple(min(MAP_BINS, size) for size in changed.shape)
    blocks = f"{shape[0]} x {shape[1]} blocks of a {m} x {n} matrix"
    rows = [row("bf16_map", bin_means(changed, *shape), None, [chance.mean()], CLOSED_FORM, shape=shape, detail=blocks)]
    for kind, axis, what in (("bf16_rows", 0, "rows"), ("bf16_cols", 1, "columns")):
        count, size = shape[axis], changed.shape[axis]
        own, noise = (bin_means(each, *((count, 1) if axis == 0 else (1, count))) for each in (changed, chance))
        detail = f"{count} bins of {size} {what}; x is the first of each"
        rows.append(row(kind, own, bin_starts(size, count), noise, CLOSED_FORM, detail=detail))
    return rows


def _shares(change: Change, masks: Sequence[Tensor]) -> list[float]:
    [(name, changed)] = changed_masks(change).items()
    if not changed.any():
        raise MeasureError(f"no entry of {name} changes in bf16: where its changes lie is undefined; train longer.")
    return [((changed & mask).sum() / changed.sum()).item() for mask in masks]
