"""How many training steps a reward takes to get half-way: steps to a goal that another run of the same problems fixes.

    smooth_t = mean of the WINDOW rewards around step t
    goal     = (mean of the reference's first FIRST rewards + mean of its last LAST) / 2
    steps    = the first t with smooth_t >= goal; all of them where none is

Source: ISO 2607.19331 as quoted (AdamW's reward at update 270 is reached at update 100); H17 of the sheet. The form is ours.
Trap: a trailing mean lags by half its window in both runs, which draws every ratio towards 1; this one is centred.
Trap: a run that never gets there counts as all of its steps: it looks faster than it is, and still slower than the reference.
"""

from collections.abc import Sequence
from math import fsum

WINDOW, FIRST, LAST = 11, 10, 30
"""Steps: one batch is 16 problems with 8 answers each, a standard error of .05 in the reward; of 11 batches .014."""


def mean(values: Sequence[float]) -> float:
    """Of at least one value."""
    return fsum(values) / len(values)


def halfway(reference: Sequence[float]) -> float:
    """The reward half-way from a run's first steps to its last ones."""
    return (mean(reference[:FIRST]) + mean(reference[-LAST:])) / 2


def steps_to(rewards: Sequence[float], goal: float, window: int = WINDOW) -> int:
    """The first step 1, 2, ... whose centred mean reaches the goal; the last step where none does.

    Args:
        rewards: of steps 1, 2, ..., at least `window` of them.
        goal: a reward.
        window: odd number of steps in a mean; steps without a whole window play no part.
    """
    half = window // 2
    for centre in range(half, len(rewards) - half):
        if mean(rewards[centre - half : centre + half + 1]) >= goal:
            return centre + 1
    return len(rewards)
