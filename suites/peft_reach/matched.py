"""Starts compared at equal length: of the first step, by a rate; of the whole update, by rescaling it.

The length of a first step grows with the rate, but not in proportion where both factors move, so a secant finds the rate.
"""

from statistics import fmean
from typing import NamedTuple

CLOSE, TRIES = 0.01, 8
"""Relative error of a matched step; steps of the secant at most."""

RATES = {"sgd": 1.0, "adamw": 5e-3}
FAST, SLOW = "pissa", "milora"


class Gaps(NamedTuple):
    """|loss of MiLoRA - loss of PiSSA| after 25 steps: at one rate, and at equal first steps."""

    equal: float
    matched: float


def loss_gaps(seed: int, optimizer: str, *, fast: str = FAST, slow: str = SLOW) -> Gaps:
    """Both gaps on one draw of the bench."""
    from harness.engine.reach import measure

    rate = RATES[optimizer]
    target = first_length(fast, seed, optimizer, rate)
    longer = matching_rate(slow, seed, optimizer, rate, target)
    asked = ((fast, rate), (slow, rate), (slow, longer))
    ends = [measure(tuner, seed, optimizer=optimizer, rate=at).loss[1] for tuner, at in asked]
    return Gaps(abs(ends[1] - ends[0]), abs(ends[2] - ends[0]))


def first_length(tuner: str, seed: int, optimizer: str, rate: float) -> float:
    """|W1 - W0| / |W0| after one step, mean over matrices."""
    from harness.engine.reach import measure

    return measure(tuner, seed, steps=1, optimizer=optimizer, rate=rate).mean("rel")


def matching_rate(tuner: str, seed: int, optimizer: str, rate: float, target: float) -> float:
    """The rate at which a tuner's first step is as long as asked for.

    Raises:
        TrainingError: none was found.
    """
    from harness.errors import TrainingError

    for _ in range(TRIES):
        length = first_length(tuner, seed, optimizer, rate)
        if abs(length / target - 1) < CLOSE:
            return rate
        rate *= target / length
    raise TrainingError(f"No rate gives {tuner} a first step of {target:g}: the last one, {rate:g}, gave {length:g}.")


def shifts_at_one_norm(seed: int, tuners: tuple[str, ...], rate: float, to: str = "lora") -> dict[str, float]:
    """NSS by tuner, every matrix' update rescaled to the norm that one tuner gave it; mean over matrices."""
    import harness as h
    from harness.engine.reach import measure

    changes = {}
    for tuner in tuners:
        found = measure(tuner, seed, rate=rate)
        changes[tuner] = h.Change.from_weights({name: found.base[name] for name in found.merged}, found.merged)
    target = changes[to]
    matched = {tuner: changes[tuner].matched(target, on="update_norm") for tuner in tuners if tuner != to} | {to: target}
    return {tuner: fmean(h.normalized_spectral_shift(change).values()) for tuner, change in matched.items()}
