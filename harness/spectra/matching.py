"""Matching: one change brought to the size, the capability or the step of another, with what was achieved.

    update_norm   the snapshot nearest in total |D|_F (on the log), then rescaled matrix by matrix: equal exactly
    gain          the snapshot whose gain in held-out accuracy is nearest: not rescaled, within GAIN_TOLERANCE or refused
    steps         the snapshot of the step at which the other ends: not rescaled

Trap: a contrast of arms that were not matched compares how far they went, not where. And each match leaves the others
open: at equal gain the norms differ, which is then the finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from math import hypot, log
from typing import TYPE_CHECKING, Any

from harness.errors import MeasureError, SpecError, Unmatched

if TYPE_CHECKING:
    from harness.spectra.change import Change

GAIN_TOLERANCE = 0.05
"""Largest difference in gain that counts as equal: 1.7 standard errors of an accuracy of one half on 300 problems."""


_ACHIEVED: ContextVar[list[dict[str, Any]] | None] = ContextVar("achieved", default=None)


@contextmanager
def recorded() -> Iterator[list[dict[str, Any]]]:
    """Collects what every match inside the block achieved, with the labels of both arms: the store keeps it beside the value."""
    achieved: list[dict[str, Any]] = []
    token = _ACHIEVED.set(achieved)
    try:
        yield achieved
    finally:
        _ACHIEVED.reset(token)


def total(norms: Mapping[str, float]) -> float:
    """|D|_F over all matrices together."""
    return hypot(*norms.values())


def on_update_norm(change: Change, other: Change) -> Change:
    """The nearest snapshot, every matrix rescaled to the norm that it has in `other`.

    Raises:
        MeasureError: other matrices, or a zero update on either side.
    """
    target = other.nonzero_norm("a match on its norm")
    moved = [pair for pair in [*change.trajectory, (None, change)] if total(pair[1].norm()) > 0.0]
    if not moved:
        raise MeasureError(f"the update of {change.label} is zero in every matrix: it cannot be matched; train longer.")
    step, nearest = min(moved, key=lambda pair: abs(log(total(pair[1].norm()) / total(target))))
    own = nearest.nonzero_norm("a match on its norm")
    factors = target / own
    match = _record("update_norm", step, total(target), total(target)) | {
        "ratio_before": total(own) / total(target),
        "worst_matrix": max(abs(log(factor)) for factor in factors.values()),
    }
    return _matched(change, nearest.scaled(factors), other, match)


def on_gain(change: Change, other: Change) -> Change:
    """The snapshot that gained as much accuracy as `other`; the earliest of equals.

    Raises:
        MeasureError: a gain is not known.
        Unmatched: the nearest is off by more than GAIN_TOLERANCE.
    """
    if other.gain is None:
        raise MeasureError(f"the gain of {other.label} is not known: only trained arms can be matched on gain.")
    known = [(step, each) for step, each in [*change.trajectory, (None, change)] if each.gain is not None and step != 0]
    if not known:
        raise MeasureError(f"no gain of {change.label} is known: only trained arms can be matched on gain.")
    step, nearest = min(known, key=lambda pair: abs(pair[1].gain - other.gain))
    off = nearest.gain - other.gain
    if abs(off) > GAIN_TOLERANCE:
        raise Unmatched(
            f"{change.label} and {other.label} cannot be matched on gain: the nearest snapshot ({_at(step)}) gained"
            f" {nearest.gain:.3f} against {other.gain:.3f}, {abs(off):.3f} off where {GAIN_TOLERANCE} is allowed."
        )
    return _matched(change, nearest, other, _record("gain", step, other.gain, nearest.gain))


def on_steps(change: Change, other: Change) -> Change:
    """The snapshot of the step at which `other` ends.

    Raises:
        MeasureError: a change has no trajectory.
        Unmatched: no such step was kept.
    """
    for each in (change, other):
        if not each.trajectory:
            raise MeasureError(f"{each.label} has no trajectory: only arms whose steps are known can be matched on steps.")
    wanted, kept = other.trajectory[-1][0], dict(change.trajectory)
    if wanted not in kept:
        nearest = min(kept, key=lambda step: abs(step - wanted))
        raise Unmatched(
            f"{change.label} and {other.label} cannot be matched on steps: {change.label} kept {sorted(kept)}, not {wanted};"
            f" the nearest is {abs(nearest - wanted)} steps off."
        )
    return _matched(change, kept[wanted], other, _record("steps", wanted, wanted, wanted))


WAYS = {"update_norm": on_update_norm, "gain": on_gain, "steps": on_steps}

BEFORE = "step_norm"
"""A match that is a recipe's: the step decides where every later one begins, so no finished change can be brought to it."""


def match(change: Change, other: Change, on: str) -> Change:
    """See `Change.matched`."""
    if on == BEFORE:
        raise SpecError(
            f"Steps are matched before training, since they decide the road that follows: instead of matched(on={BEFORE!r}) give the "
            f"recipe of {change.label} an adapter with matches={other.label!r}, as the arms named ..._matched have."
        )
    if on not in WAYS:
        raise MeasureError(f"cannot match on {on!r}: changes can be matched on {', '.join(map(repr, WAYS))}.")
    return WAYS[on](change, other)


def _matched(change: Change, found: Change, other: Change, record: Mapping[str, Any]) -> Change:
    """What was found, as a change of its own that remembers whose it is."""
    achieved = _ACHIEVED.get()
    if achieved is not None:
        achieved.append({"arm": change.label, "to": other.label, **record})
    return replace(
        found,
        label=f"{change.label} matched to {other.label}",
        trajectory=(),
        match=record,
        arm=change.arm,
        seed=change.seed,
        run_keys=change.run_keys,
    )


def _record(on: str, step: int | None, target: float, achieved: float) -> dict[str, Any]:
    """How close the match came; the ratio is None where the target is 0."""
    ratio = achieved / target if target else None
    return {"on": on, "step": step, "target": target, "achieved": achieved, "ratio": ratio}


def _at(step: int | None) -> str:
    return "the end" if step is None else f"step {step}"
