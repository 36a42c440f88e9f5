"""runs -> rows: measure one claim at one scale on this machine, replicate by replicate.

For every seed the claim's body is called on the arms themselves, then once per null, plant and noise-floor control
with the arms replaced as the control says. Every call is one row of the table `measurements`; a value that is not
finite is stored as missing with status "nonfinite", never as a number. Arms that cannot be matched give a row as well:
no value, status "unmatched", and in `matches` the sentence that says by how much.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.claims import Claim, Control, Replicate
from harness.claims.aggregate import UNMATCHED
from harness.engine import plan
from harness.engine.lab import Lab
from harness.errors import Unmatched
from harness.spectra import matching

METRIC_VERSION = 1
PROGRESS_S = 2.0


@dataclass
class Measured:
    """What measuring a claim gave: rows of the table `measurements`, and where the time went."""

    rows: list[dict] = field(default_factory=list)
    training_s: float = 0.0
    measuring_s: float = 0.0


def measure(
    claim: Claim, body: Callable, lab: Lab, seeds: Sequence[int], *, nodeid: str, handles: Mapping[str, object]
) -> Measured:
    """Train what is missing, then measure every replicate and its controls.

    Args:
        claim: the claim as data.
        body: the function that measures one replicate.
        lab: where arms, bases and generators of one scale come from.
        seeds: replicates.
        nodeid: the test's id, stored with every row.
        handles: arguments of the body that are neither arms nor helpers (pytest fixtures), passed through.

    Raises:
        SpecError: the body returned something that does not suit the claim's bound.
        MeasureError: a measure is undefined on its input.
        TrainingError, ModelError: a run or a model could not be had.
    """
    measured = Measured()
    started = time.perf_counter()
    lab.ensure(plan.needs(claim, lab.scale, seeds))
    measured.training_s = time.perf_counter() - started
    started = time.perf_counter()
    cells = [(seed, role, control) for seed in seeds for role, control in _calls(claim)]
    tell = _Telling(claim, lab, len(cells))
    for seed, role, control in cells:
        measured.rows.append(_row(claim, body, lab, seed, role, control, nodeid, handles))
        tell(seed, role, control)
    measured.measuring_s = time.perf_counter() - started
    return measured


class _Telling:
    """Tells a lab's `progress` how far the measuring of a claim is, once it takes longer than a glance."""

    def __init__(self, claim: Claim, lab: Lab, count: int):
        self._claim, self._lab, self._count = claim, lab, count
        self._done, self._began, self._told = 0, time.perf_counter(), time.perf_counter()

    def __call__(self, seed: int, role: str, control: Control | None) -> None:
        self._done += 1
        now = time.perf_counter()
        if self._lab.progress is None or now - self._told < PROGRESS_S:
            return
        self._told = now
        left = (now - self._began) / self._done * (self._count - self._done)
        about = {"claim": self._claim.id, "scale": self._lab.scale, "seed": seed}
        about["control"] = f"{role} {control.label()}" if control else ""
        self._lab.progress({**about, "step": self._done, "steps": self._count, "seconds_left": left})


def _calls(claim: Claim) -> list[tuple[str, Control | None]]:
    """The claim itself, then its controls, each with its role in the table."""
    calls: list[tuple[str, Control | None]] = [("claim", None)]
    calls += [("null", control) for control in claim.nulls]
    calls += [("plant", control) for control in claim.plants]
    return calls + ([("floor", claim.floor)] if claim.floor else [])


def _row(
    claim: Claim,
    body: Callable,
    lab: Lab,
    seed: int,
    role: str,
    control: Control | None,
    nodeid: str,
    handles: Mapping[str, object],
) -> dict:
    started = time.perf_counter()
    label = control.label() if control else None
    given = lab.arguments(claim, seed, control, purpose=f"{claim.id}|{role}|{label}")
    keywords = dict(control.args) if control and control.name == "variant" else {}
    with matching.recorded() as matches:
        try:
            replicate = claim.reduce(body(**{**handles, **given, **keywords}))
        except Unmatched as error:
            replicate, matches = Replicate(None, None, UNMATCHED, None, None), [{"unmatched": str(error)}]
    return {
        "claim_id": claim.id,
        "scale": lab.scale,
        "role": role,
        "control": label,
        "arms": list(claim.arms),
        "model": lab.model_name,
        "dtype": lab.dtype,
        "seed": seed,
        "metric": claim.metric,
        "within": claim.within,
        "value": replicate.value,
        "value2": replicate.value2,
        "names": _listed(replicate.names),
        "values": _listed(replicate.values),
        "status": replicate.status,
        "matches": json.dumps(matches) if matches else None,
        "metric_version": METRIC_VERSION,
        "run_keys": lab.run_keys(claim, seed),
        "nodeid": nodeid,
        "duration_s": time.perf_counter() - started,
        "attempt": 1,
    }


def _listed(entries: tuple | None) -> list | None:
    return None if entries is None else list(entries)
