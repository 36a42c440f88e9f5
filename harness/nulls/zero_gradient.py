"""The step that Adam takes when the gradient is zero: momentum alone, no learning signal.

    m' = b1 m,  v' = b2 v,  t' = t + 1;   D = -lr (m' / (1 - b1^t')) / (sqrt(v' / (1 - b2^t')) + eps)

The null of statements about single steps: .140 % of the bf16 entries change on such a step against .149 % on a real one in
the note that arXiv 2511.08567's follow-ups cite. Plain SGD does not move.
Trap: it keeps the direction of the step before, so it is a null for masks and sizes and none for directions; that is why
it is a function of the optimizer's state and not a surrogate that a claim names.
"""

from dataclasses import replace

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.nulls.surrogate import standing_in
from harness.spectra.change import Change, Changed


def zero_gradient_step(
    m: Tensor,
    v: Tensor,
    *,
    lr: float,
    step: int,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Tensor:
    """The update of the next step if its gradient is zero, without weight decay.

    Args:
        m, v: first and second moments after `step` steps (torch's exp_avg and exp_avg_sq), same shape.
        lr: learning rate of the step to take.
        step: steps taken so far, 0 or more.
        betas, eps: as in torch.optim.Adam.

    Returns:
        Same shape, fp64.

    Raises:
        MeasureError: step is negative, or a second moment is.
    """
    _check(step)
    if (v < 0).any():
        raise MeasureError("a second moment is negative: this is no state of Adam.")
    (b1, b2), following = betas, step + 1
    mean = m.double() * b1 / (1 - b1**following)
    spread = (v.double() * b2 / (1 - b2**following)).sqrt()
    return -lr * torch.where(mean == 0.0, 0.0, mean / (spread + eps))


def coast(change: Changed, step: int, betas: tuple[float, float] = (0.9, 0.999)) -> Change:
    """The zero-gradient step after a step that moved the weights by `change`, from that update alone.

        D' = D (b1 / sqrt b2) (1 - b1^t) / (1 - b1^(t+1)) sqrt((1 - b2^(t+1)) / (1 - b2^t))

    exact at one learning rate, without weight decay, and where eps is small against the second moment: then both moments
    shrink together and only the length changes (to .90 of it late in a run, .67 after the first step).

    Args:
        change: the update of one step; its base is the weights before that step.
        step: which step that was, 1 or more.
        betas: as in torch.optim.Adam.

    Returns:
        The update that coasting makes, on the weights after the step.

    Raises:
        MeasureError: step below 1.
    """
    _check(step - 1)
    change = change.change()
    b1, b2 = betas
    first = b1 * (1 - b1**step) / (1 - b1 ** (step + 1))
    second = b2 * (1 - b2**step) / (1 - b2 ** (step + 1))
    coasting = {name: d * (first / second**0.5) for name, d in change.update.items()}
    return replace(standing_in(change, coasting, "null:zero_gradient"), base=change.tuned())


def _check(step: int) -> None:
    if step < 0:
        raise MeasureError("a momentum needs a step before it: count steps from 1.")
