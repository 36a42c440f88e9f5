"""RegMean: the linear layer whose outputs are nearest to every expert's, on that expert's inputs.

    min_W sum_i |X_i W^T - X_i W_i^T|^2   ->   W = (sum_i W_i H_i) (sum_i H_i)^-1
    H_i = G_i with its off-diagonal entries times .9,   G_i = X_i^T X_i (n, n), y = W x

Source: arXiv 2212.09849. What is no linear layer is averaged.
Trap: G_i is a sum over examples, not a mean: an expert with twice the examples counts twice.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.merging.averages import mean
from harness.merging.rule import Given


def regmean(w0: Tensor, experts: Sequence[Tensor], given: Given, *, off_diagonal: float = 0.9, ridge: float = 1e-6) -> Tensor:
    """The merged (m, n).

    Args:
        given: extras are G_i (n, n), symmetric.
        off_diagonal: factor of their off-diagonal entries; below 1 it makes every sum invertible whose inputs are all used.
        ridge: added to each H_i, as a share of the mean diagonal entry of all: inputs that were never active get the mean.

    Raises:
        MeasureError: the sum of the H_i cannot be inverted (with ridge 0).
    """
    n = w0.shape[1]
    diagonal = sum(gram.diagonal() for gram in given.extras)
    shift = ridge * diagonal.mean() / len(experts)
    if not bool(diagonal.any()):
        return mean(w0, experts)
    right, total = torch.zeros_like(w0), torch.zeros(n, n, dtype=w0.dtype, device=w0.device)
    for expert, gram in zip(experts, given.extras, strict=True):
        weighted = gram * off_diagonal
        weighted.diagonal().copy_(gram.diagonal() + shift)
        right.addmm_(expert, weighted)
        total += weighted
    # total is symmetric: W total = right  is  total W^T = right^T.
    solution, info = torch.linalg.solve_ex(total, right.T)
    if int(info) != 0:
        raise MeasureError("regmean: the inputs leave some weights undetermined: give a ridge above 0.")
    return solution.T.contiguous()
