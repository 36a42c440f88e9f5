"""M_princ and M_low of a large matrix, rows at a time: masks as functions of a slice of rows, never held whole.

    M_princ: |W0^(k)| above its 1 - alpha quantile,  W0^(k) = U_k S_k V_k^T;    M_low: |W0| at or below its alpha quantile

Quantiles are those of 2^18 entries drawn at random where there are more, so a mask holds alpha of the entries to within .005; the
share that it does hold is counted, and is the chance level of an overlap with it.
Source: as harness.spectra.masks, whose masks are exact and held.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from harness.spectra.krylov import PartialFrame
from harness.spectra.products import rows_of

COUNTED = 2**18


class RowMask(NamedTuple):
    """From a slice of rows to the mask of these rows, (rows, n) bool; the share of all entries in the mask."""

    of: Callable[[slice], Tensor]
    share: float


def principal_rows(w0: Tensor, lead: PartialFrame, alpha: float, seed: int = 0) -> RowMask:
    """M_princ of a base (m, n) with the k leading directions of `lead`."""
    left, right = (lead.U * lead.S).float(), lead.V.float().T.contiguous()
    generator = torch.Generator().manual_seed(seed)
    m, n = w0.shape
    if m * n <= COUNTED:
        drawn = (left @ right).flatten()
    else:
        rows, cols = (torch.randint(size, (COUNTED,), generator=generator).to(left.device) for size in (m, n))
        parts = zip(rows.split(2**14), cols.split(2**14), strict=True)
        drawn = torch.cat([(left[r] * right[:, c].T).sum(1) for r, c in parts])
    high = _quantile(drawn.abs(), 1 - alpha)
    return _counted(w0, lambda rows: (left[rows] @ right).abs() > high)


def low_rows(w0: Tensor, alpha: float, seed: int = 0) -> RowMask:
    """M_low of a base (m, n), any floating dtype."""
    flat = w0.flatten()
    if len(flat) > COUNTED:
        flat = flat[torch.randint(len(flat), (COUNTED,), generator=torch.Generator().manual_seed(seed)).to(w0.device)]
    low = _quantile(flat.float().abs(), alpha)
    return _counted(w0, lambda rows: w0[rows].float().abs() <= low)


def _quantile(values: Tensor, alpha: float) -> float:
    """The smallest value that a share alpha of the values does not exceed."""
    return values.kthvalue(max(1, round(alpha * len(values)))).values.item()


def _counted(w0: Tensor, mask: Callable[[slice], Tensor]) -> RowMask:
    m, rows = w0.shape[0], rows_of(w0)
    inside = sum(int(torch.count_nonzero(mask(slice(at, min(at + rows, m))))) for at in range(0, m, rows))
    return RowMask(mask, inside / w0.numel())
