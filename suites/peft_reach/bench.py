"""What a claim on tuners measures of one replicate: a draw of the bench, adapted, trained and read (harness.engine.reach).

A list of tuners is one string of names, as a variant of a claim can hold.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.engine.reach import Measured
    from torch import Generator

OSF_RATE = 3.0
"""SGD's, so that 25 steps move OSF by a tenth of the weights (sheet, 1.4)."""

SMALL_RATE = 5e-4
"""AdamW's where starts are compared (sheet, 1.4 and P5)."""


def seed_of(rng: "Generator") -> int:
    """A draw of the bench."""
    import torch

    return int(torch.randint(2**31, (), generator=rng))


def after_training(rng: "Generator", tuners: str, **how) -> "dict[str, Measured]":
    """Each tuner after 25 AdamW steps, all on one draw."""
    from harness.engine.reach import measure

    seed = seed_of(rng)
    return {tuner: measure(tuner, seed, **how) for tuner in tuners.split()}


def first_step(rng: "Generator", tuner: str) -> "Measured":
    """A tuner after one SGD step."""
    from harness.engine.reach import measure

    return measure(tuner, seed_of(rng), steps=1, optimizer="sgd")


def residuals(rng: "Generator", tuners: str) -> dict[str, float]:
    """resid by tuner: how far from the base's spectrum an update of length 1 ends."""
    return {tuner: found.mean("resid") for tuner, found in after_training(rng, tuners).items()}


def leak(rng: "Generator", optimizer: str, tuner: str = "osf") -> float:
    """Energy of the update in the leading r directions, mean of the two sides."""
    how = dict(optimizer="sgd", rate=OSF_RATE) if optimizer == "sgd" else {}
    found = after_training(rng, tuner, **how)[tuner]
    return (found.mean("p_left") + found.mean("p_right")) / 2


def off_starts(rng: "Generator", tuners: str) -> dict[str, float]:
    """Largest difference of a logit that putting each tuner on makes."""
    from harness.engine.reach import start_difference

    seed = seed_of(rng)
    return {tuner: start_difference(tuner, seed) for tuner in tuners.split()}


def class_number(rng: "Generator", of: str, on: str) -> float:
    """What the class of one tuner reads, measured on another, or on itself."""
    from harness.engine.reach import measure
    from harness.engine.reach_class import criterion

    wanted = criterion(of)
    how = dict(steps=1, optimizer="sgd") if wanted.first else dict(on_the_way=wanted.on_the_way)
    return wanted.read(measure(on, seed_of(rng), **how))
