"""What every optimizer here asks of gradients before anything moves: they are dense and finite."""

from collections.abc import Callable

import torch
from torch import nn

from harness.errors import SpecError, TrainingError
from harness.optimizers.state import working_dtype


def require_dense(parameters: list[nn.Parameter], name: Callable[[nn.Parameter], str]) -> None:
    """Refuse a sparse gradient.

    Args:
        parameters: each has a gradient.
        name: what a message calls one.

    Raises:
        SpecError: the gradient of one is sparse.
    """
    for p in parameters:
        if p.grad.layout != torch.strided:
            raise SpecError(f"the gradient of {name(p)} is sparse: this optimizer needs dense ones.")


def require_finite(parameters: list[nn.Parameter], name: Callable[[nn.Parameter], str]) -> None:
    """Refuse a gradient that is not finite; arguments as above.

    Raises:
        TrainingError: the gradient of one is not finite.
    """
    if not parameters:
        return
    # A sum is finite where its terms are; all in one look, so that a GPU waits once.
    sums = torch.stack([p.grad.sum(dtype=working_dtype(p)).to(parameters[0].device).double() for p in parameters])
    bad = (~sums.isfinite()).nonzero().flatten().tolist()
    if bad:
        p = parameters[bad[0]]
        raise TrainingError(
            f"the gradient of {name(p)}, {' x '.join(map(str, p.shape)) or 'a scalar'}, is not finite: "
            "nothing was moved; lower the learning rate or skip the batch."
        )
