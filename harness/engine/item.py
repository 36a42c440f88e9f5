"""One claim at one scale, as a pytest item runs it: measure, judge at the family's first Holm step, say what came out.

The outcome is provisional in one direction only: what is decided at alpha / m stays decided when Holm judges the
whole family at the end of the session; an inconclusive claim may still be settled there.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.claims import Claim
from harness.engine import arms, judging, plan
from harness.engine.own import Own
from harness.engine.settings import Settings
from harness.errors import ModelError, SpecError

PROGRESS_EVERY_S = 5.0


@dataclass(frozen=True)
class Done:
    """What a claim's item came to: passed, failed or inconclusive, the sentence for people, the message to store."""

    outcome: str
    sentence: str
    message: dict


def provides(name: str) -> bool:
    """Whether the engine fills this argument of a body per seed (arms, families of arms and helpers)."""
    return bool(arms.members(name)) or name in arms.HELPERS


def unmet(claim: Claim, scale: str, settings: Settings) -> str | None:
    """Why the scale cannot judge the claim, as a sentence; None if it can."""
    return plan.unmet(claim, scale, device=settings.device, own=settings.own)


def refuse_changed_spec(claim: Claim, settings: Settings) -> None:
    """Raise SpecError if a stored run judged this claim under the same version with another spec."""
    for known in _stored_specs(settings.results):
        if known[0] == claim.id and known[1] == claim.version and known[2] != claim.sha:
            raise SpecError(
                f"{claim.id} changed (spec {known[2]} is stored, this is {claim.sha}) but is still version {claim.version}; "
                f"give it version={claim.version + 1} and say why, or restore it"
            )


def run(
    claim: Claim,
    body: Callable,
    scale: str,
    settings: Settings,
    *,
    nodeid: str,
    handles: Mapping[str, object],
    family: list[Claim],
    say: Callable[[str], None],
) -> Done:
    """Measure the claim and judge it.

    Args:
        claim, body: the claim and the function that measures one replicate.
        scale: where.
        settings: seeds, device, model or the user's checkpoints, results.
        nodeid: the item's id, stored with the rows.
        handles: fixtures of the body that are neither arms nor helpers.
        family: every claim selected at this scale; its members of the same paper and family share alpha.
        say: prints a progress line.
    """
    members = [c for c in family if c.paper == claim.paper and c.family == claim.family and judging.counts(c)]
    if len({c.alpha for c in members}) > 1:
        raise SpecError(f"claims of the family {claim.family!r} of {claim.paper} differ in alpha; give them one, or two families")
    began, clock = time.time(), time.perf_counter()
    lab = _lab(scale, settings.device, settings.model, settings.own)
    lab.progress = progress = _Progress(say)
    waited = lab.waited_s
    from harness.engine import local, provenance

    imported = time.perf_counter() - clock
    measurable = settings.own.measurable(claim) if settings.own else claim
    measured = local.measure(measurable, body, lab, settings.replicates_of(claim), nodeid=nodeid, handles=handles)
    row = claim_row(claim, scale, "measured", "\n".join(lab.notes(claim)), nodeid)
    verdict = judging.provisional(row, measured.rows, max(1, len(members)))
    waiting = min(lab.waited_s - waited, measured.training_s)
    message = {
        "claim": row,
        "measurements": measured.rows,
        "verdict": verdict.verdict,
        "trained": progress.trained,
        "seconds": {
            "training": measured.training_s - waiting,
            "waiting": waiting,
            "measuring": measured.measuring_s,
            "imports": imported,
        },
        "numerics": provenance.numerics(),
        "span": span(began),
    }
    expected = row["expected"]
    sentence = judging.sentence(row, verdict)
    return Done(_outcome(verdict, expected, settings.inconclusive), sentence, message)


def _outcome(verdict, expected: str, mode: str) -> str:
    if verdict.reason == "non-finite":
        return "failed"
    if verdict.verdict == "inconclusive":
        return "failed" if mode == "fail" and expected not in ("inconclusive", "open") else "inconclusive"
    return "passed" if expected in ("open", verdict.verdict) else "failed"


def claim_row(claim: Claim, scale: str, status: str, reason: str, nodeid: str) -> dict:
    """The claim as registered, for the table `claims`; `reason`: why it was not measured, or notes on how it was, a line each."""
    return {
        "claim_id": claim.id,
        "scale": scale,
        "paper": claim.paper,
        "version": claim.version,
        "spec_sha": claim.sha,
        "spec": json.dumps(claim.spec(), sort_keys=True),
        "says": claim.says,
        "source": claim.source,
        "bound": claim.bound.text(),
        "family": claim.family,
        "expected": dict(claim.expect).get(scale, "open"),
        "needs": list(claim.needs),
        "status": status,
        "status_reason": reason,
        "nodeid": nodeid,
    }


def skipped(claim: Claim, scale: str, reason: str, nodeid: str) -> dict:
    """The message of a claim that this scale cannot judge."""
    return _empty(claim_row(claim, scale, "skipped", reason, nodeid))


def errored(claim: Claim, scale: str, reason: str, nodeid: str) -> dict:
    """The message of a claim whose measurement broke: an error is never a refutation."""
    return _empty(claim_row(claim, scale, "error", reason, nodeid))


def _empty(row: dict) -> dict:
    return {"claim": row, "measurements": [], "verdict": "", "trained": 0, "seconds": {}, "numerics": {}, "span": span(time.time())}


def span(began: float) -> dict:
    """When this process was busy with a claim, UTC seconds: tells a session's start-up and idle tail from its work."""
    return {"process": os.getpid(), "began": began, "ended": time.time()}


class _Progress:
    """Turns the trainer's dicts into one line every few seconds: arm, seed, step, reward, time left."""

    def __init__(self, say: Callable[[str], None]):
        self.say, self.last, self.trained = say, 0.0, 0

    def __call__(self, now: Mapping) -> None:
        done = now["step"] >= now["steps"]
        self.trained += done
        if not done and time.monotonic() - self.last < PROGRESS_EVERY_S:
            return
        self.last = time.monotonic()
        reward = f" reward {now['reward']:.2f}" if now.get("reward") is not None else ""
        loss = f" loss {now['loss']:.3f}" if now.get("loss") is not None else ""
        left = "done" if done else f"{now['seconds_left']:.0f} s left"
        self.say(f"  {now['arm']} {now['scale']} seed {now['seed']} step {now['step']}/{now['steps']}{reward}{loss}  {left}")


@lru_cache(maxsize=4)
def _lab(scale: str, device: str, model: str | None, own: Own | None):
    if own:
        from harness.engine.own_lab import OwnLab

        return OwnLab(own, device=_available(device))
    from harness.engine.lab import Lab

    return Lab(scale, device=_available(device), model=model)


def _available(device: str) -> str:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"--claim-device {device}: this machine has no usable CUDA device; drop the option to use the CPU")
    return device


@lru_cache(maxsize=1)
def _stored_specs(results) -> tuple[tuple[str, int, str], ...]:
    from harness.store import compare

    return tuple(compare.stored_specs(results))
