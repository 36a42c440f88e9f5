"""Shares of a gain: what an update with other singular values, or other frames, keeps of it.

    kept = (success(model) - success(base)) / (success(arm) - success(base)),   success: expected reward on held-out problems

Changes of its spectrum are read beside the arm, with embeddings, head and norms as it ended; what matrices bring by themselves,
on the base.
"""

from typing import TYPE_CHECKING

import harness as h

if TYPE_CHECKING:
    from harness.engine.policies import Policies
    from harness.spectra import Change
    from torch import Generator

BESIDE, ON_BASE = "tuned", "base"
"""Whose the weights are that are no matrices."""


def share(models: "Policies", arm: "Change", change: "Change", others: str) -> float:
    """What a change keeps of the arm's gain."""
    start, end = models.base(arm).held_out_success, models.of(arm).held_out_success
    return (models.of(change, others=others).held_out_success - start) / (end - start)


def beside(models: "Policies", arm: "Change", rng: "Generator", values: str) -> float:
    """Kept by the tuned frames with other singular values.

    Args:
        arm: as trained.
        rng: draws random values.
        values: "base" (restored), "tuned" (the arm itself), "random" (about the tuned ones, as far as they moved); "none" puts
            the base's matrices beside the arm's other weights.
    """
    made = {
        "base": lambda: h.restored_spectrum(arm),
        "tuned": lambda: h.restored_spectrum(arm, 1.0),
        "random": lambda: h.random_spectrum(arm, rng),
        "none": lambda: arm.scaled(0.0),
    }
    return share(models, arm, made[values](), BESIDE)


def on_base(models: "Policies", arm: "Change", rng: "Generator", part: str) -> float:
    """Brought to the base by a part of the matrices' change.

    Args:
        arm: as trained.
        rng: draws random values.
        part: "spectrum" (the tuned values in the base's frames), "frames" (the base's values in the tuned frames), "both" or
            "random" (values as far from the base's as the tuned ones, in its frames).
    """
    made = {
        "spectrum": lambda: h.spectrum_alone(arm),
        "frames": lambda: h.restored_spectrum(arm),
        "both": lambda: arm.scaled(1.0),
        "random": lambda: h.random_spectrum(arm, rng, frames="base"),
    }
    return share(models, arm, made[part](), ON_BASE)
