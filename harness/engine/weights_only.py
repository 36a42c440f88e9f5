"""An arm of which only the weights before and after are known: what a user's checkpoint is to a claim's body.

It offers `change()` as a run does, so every measure, null and plant reads it like any other change. A body that asks for more
(how well the model answers, how it got there) is told that this is not known, and its claim is skipped.

Trap: with an empty trajectory in its place, a sentence about every checkpoint of a run would hold of none at all.
"""

from typing import Any

from harness.errors import Unavailable
from harness.spectra import Change
from harness.spectra.change import Changed

EVALUATED = ("capability", "capability_bf16", "accuracy", "accuracy_bf16", "graded")
WAYS = {"gain": "the gain in held-out accuracy", "steps": "the steps"}
"""What a match needs beyond weights, by what it is on."""


class WeightsOnly:
    """A change whose training is unknown.

    Args:
        change: what the weights show.
        arm: how sentences call it.
    """

    def __init__(self, change: Change, arm: str):
        self._change, self._arm = change, arm

    def change(self) -> Change:
        """The weights' change alone; also what is left of the arm in anything made from it."""
        return self._change

    def matched(self, other: Changed, on: str = "update_norm") -> Change:
        """See `Change.matched`. Unavailable: a match on gain or on steps."""
        if on in WAYS:
            raise Unavailable(f"needs {WAYS[on]} of {self._arm}, to match on: only its weights are at hand")
        return self._change.matched(other, on)

    def last_step(self) -> Change:
        """Unavailable: always."""
        raise self._no_road()

    @property
    def trajectory(self) -> Any:
        """Unavailable: always."""
        raise self._no_road()

    @property
    def gain(self) -> Any:
        """Unavailable: always."""
        raise Unavailable(f"needs the gain in held-out accuracy of {self._arm}: only its weights are at hand")

    @property
    def head_map(self) -> Any:
        """Unavailable: always."""
        raise Unavailable(f"needs the rotation that {self._arm} was trained in: only its weights are at hand")

    def __getattr__(self, name: str) -> Any:
        if name in EVALUATED:
            raise Unavailable(f"needs the held-out accuracy of {self._arm}: only its weights are at hand")
        return getattr(self._change, name)

    def _no_road(self) -> Unavailable:
        return Unavailable(f"needs snapshots along the training of {self._arm}: only its last weights are at hand")

    def __repr__(self) -> str:
        return f"WeightsOnly({self._change!r})"
