"""Does a model's confidence equal its accuracy? Errors of calibration from class probabilities, each by the name of its bins.

    (c_i, a_i)   confidence max_k p_ik of the i-th prediction, and whether it is right;  b: bins of B
    ECE     sum_b n_b / n |mean c - mean a|         B equal widths, (l, u], the first one closed
    MCE     max_b |mean c - mean a|                 the same bins, those that hold something
    ACE     as ECE                                  B equal counts of n // B by rising c, the last takes the remainder
    ACE_K   mean over classes and bins, none weighted, of |mean p_ik - share of class k|: B equal counts of p_ik
    CECE    mean over classes of ECE of (p_ik, y_i = k)
    TACE    as ACE, of all pairs (p_ik, y_i = k) with p_ik >= eps
    Brier   mean_i sum_k (p_ik - [y_i = k])^2

Sources: Guo 1706.04599 (ECE, MCE); Nixon 1904.01685 (ACE_K; ACE there is per class); HypeLoRA 2603.19278, whose code calls ACE
what its README describes as ACE_K. What TACE's code pools is not known to us: all classes here.
Trap: n < B puts every prediction into ACE's last bin, so that it is |mean c - mean a| alone.
Trap: all are biased upwards where bins hold few: a calibrated model has ECE .15 on 50 predictions in 10 bins, not 0.
Trap: a prediction right on an edge belongs to the lower bin, and equal confidences are cut by their order in the input.
"""

from typing import NamedTuple

import torch
from harness.errors import MeasureError
from torch import Tensor

BINS = 10


class TopLabel(NamedTuple):
    """What a prediction is sure of, and whether it is right.

    Attributes:
        confidence: (n,) fp64, the largest probability of each row.
        right: (n,) fp64, 1 where the class that has it is the label; the first of equals counts.
    """

    confidence: Tensor
    right: Tensor


def top_label(probabilities: Tensor, labels: Tensor) -> TopLabel:
    """Confidence and correctness of each prediction.

    Args:
        probabilities: (n, K), rows that sum to 1.
        labels: (n,) classes 0..K-1.

    Raises:
        MeasureError: shapes do not fit, a row is no distribution, or a label is no class.
    """
    p = _checked(probabilities, labels)
    best = p.max(1)
    return TopLabel(best.values, (best.indices == labels).double())


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ECE; arguments and errors as in `top_label`, and MeasureError at fewer bins than one, here and below."""
    found = top_label(probabilities, labels)
    return _weighted(*found, _widths(found.confidence, bins), bins)


def maximum_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """MCE."""
    found = top_label(probabilities, labels)
    where = _widths(found.confidence, bins)
    counts, gaps = _gaps(*found, where, bins)
    return gaps[counts > 0].max().item()


def adaptive_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ACE in the sense of HypeLoRA's code."""
    found = top_label(probabilities, labels)
    return _weighted(*found, _counts(found.confidence, bins), bins)


def classwise_adaptive_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ACE_K, Nixon's; bins that hold nothing, as all but the last do where n < B, are left out of the mean."""
    p, hits = _pairs(probabilities, labels)
    kept = []
    for column, hit in zip(p.T, hits.T, strict=True):
        counts, gaps = _gaps(column, hit, _counts(column, bins), bins)
        kept.append(gaps[counts > 0])
    return torch.cat(kept).mean().item()


def classwise_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """CECE."""
    p, hits = _pairs(probabilities, labels)
    found = [_weighted(column, hit, _widths(column, bins), bins) for column, hit in zip(p.T, hits.T, strict=True)]
    return sum(found) / len(found)


def thresholded_adaptive_error(probabilities: Tensor, labels: Tensor, eps: float = 1e-3, bins: int = BINS) -> float:
    """TACE.

    Args:
        probabilities, labels: as above.
        eps: the least probability that counts; HypeLoRA has .01, .001 and .0001.
        bins: of equal counts.

    Raises:
        MeasureError: also where no probability is as large as `eps`.
    """
    p, hits = _pairs(probabilities, labels)
    kept = p >= eps
    if not kept.any():
        raise MeasureError(f"No probability reaches {eps:g}, so there is nothing to bin: choose a smaller threshold.")
    return _weighted(p[kept], hits[kept], _counts(p[kept], bins), bins)


def brier_score(probabilities: Tensor, labels: Tensor) -> float:
    """Mean squared distance of a prediction from the label's corner, in [0, 2]."""
    p, hits = _pairs(probabilities, labels)
    return (p - hits).square().sum(1).mean().item()


def _pairs(probabilities: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(n, K) probabilities and, beside each, 1 where its class is the label."""
    p = _checked(probabilities, labels)
    return p, torch.nn.functional.one_hot(labels, p.shape[1]).double()


def _widths(values: Tensor, bins: int) -> Tensor:
    """(n,) bin of each value, B equal widths of [0, 1]."""
    _check_bins(bins)
    edges = torch.linspace(0.0, 1.0, bins + 1, dtype=torch.float64)[1:-1]
    return torch.bucketize(values.contiguous(), edges)  # edges[j - 1] < value <= edges[j]


def _counts(values: Tensor, bins: int) -> Tensor:
    """(n,) bin of each value, B equal counts by rising value; the last takes the remainder."""
    _check_bins(bins)
    each = len(values) // bins
    rank = torch.empty(len(values), dtype=torch.long)
    rank[values.argsort(stable=True)] = torch.arange(len(values))
    return (rank // each).clamp(max=bins - 1) if each else torch.full_like(rank, bins - 1)


def _gaps(confidence: Tensor, right: Tensor, where: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """(B,) counts, and |mean confidence - mean accuracy|, 0 where a bin holds nothing."""
    counts = torch.bincount(where, minlength=bins).double()
    sums = torch.zeros(bins, dtype=torch.float64).index_add(0, where, confidence - right)
    return counts, sums.abs() / counts.clamp(min=1.0)


def _weighted(confidence: Tensor, right: Tensor, where: Tensor, bins: int) -> float:
    counts, gaps = _gaps(confidence, right, where, bins)
    return (counts / counts.sum() * gaps).sum().item()


def _checked(probabilities: Tensor, labels: Tensor) -> Tensor:
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        shapes = f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
        raise MeasureError(f"Calibration needs (n, K) probabilities and (n,) labels, n at least 1, not {shapes}.")
    p = probabilities.double()
    if not (p.isfinite().all() and (p >= 0).all() and (p.sum(1) - 1).abs().max() < 1e-4):
        raise MeasureError("A row of probabilities is no distribution: its entries are to be 0 or more and to sum to 1.")
    if labels.dtype != torch.long or labels.min() < 0 or labels.max() >= p.shape[1]:
        raise MeasureError(f"Labels are whole numbers from 0 to {p.shape[1] - 1}, as there are {p.shape[1]} classes.")
    return p


def _check_bins(bins: int) -> None:
    if bins < 1:
        raise MeasureError(f"Calibration is measured in 1 bin or more, not {bins}.")
