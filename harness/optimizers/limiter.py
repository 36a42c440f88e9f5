"""The norm-growth limiter of Fira, which APOLLO uses too.

    |U_t| > gamma |U_(t-1)|   =>   U_t <- U_t gamma |U_(t-1)| / |U_t|;   the limited norm is the next one's measure

Source: Fira 2410.01623, Sec. 4.2; gamma = 1.01. Of APOLLO it limits the scaled gradient before sqrt(scale), of Fira what
lies outside the subspace.
Trap: after one gradient of zeros the codes divide by 0 + 1e-8 and grow from there by 1 % a step, so training stands still for
thousands of steps. A norm of 0 has no growth: the step after it is not limited here.
"""

import torch
from torch import Tensor


def limit(update: Tensor, previous: Tensor, growth: float) -> Tensor:
    """The update, shortened in place where it grew too much; `previous`, a 0-d tensor, becomes its norm.

    Args:
        update: any shape.
        previous: norm of the last one, 0 where there is none.
        growth: gamma, at least 1.
    """
    norm = torch.linalg.vector_norm(update)
    allowed = growth * previous
    factor = torch.where((previous > 0.0) & (norm > allowed), allowed / norm, 1.0)
    previous.copy_(norm * factor)
    return update.mul_(factor)
