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
from harness.engine import arms, judging, plan, pool, telling
from harness.engine.own import Own
from harness.engine.settings import Settings
from harness.errors import ModelError, SpecError


@dataclass(frozen=True)
class Done:
    """What a claim's item came to: passed, failed or inconclusive, the text for people, the message to store."""

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
    tell: Callable[[Mapping], None],
) -> Done:
    """Measure the claim and judge it.

    Args:
        claim, body: the claim and the function that measures one replicate.
        scale: where.
        settings: seeds, device, model or the user's checkpoints, results.
        nodeid: the item's id, stored with the rows.
        handles: fixtures of the body that are neither arms nor helpers.
        family: every claim selected at this scale; its members of the same paper and family share alpha.
        tell: is called with how far training and measuring are.
    """
    members = [c for c in family if c.paper == claim.paper and c.family == claim.family and judging.counts(c)]
    if len({c.alpha for c in members}) > 1:
        raise SpecError(f"claims of the family {claim.family!r} of {claim.paper} differ in alpha; give them one, or two families")
    began, clock = time.time(), time.perf_counter()
    lab = _lab(scale, settings.device, settings.model, settings.own)
    lab.progress = progress = _Progress(tell)
    waited = lab.waited_s
    from harness.engine import local, provenance

    imported = time.perf_counter() - clock
    measurable = settings.own.measurable(claim) if settings.own else claim
    measured = local.measure(measurable, body, lab, settings.replicates_of(claim), nodeid=nodeid, handles=handles)
    row = claim_row(claim, scale, "measured", "\n".join(lab.notes(claim)), nodeid)
    store = _store(settings.results) if settings.pooled else None
    rows = pool.with_earlier(store, settings.pooled, [row], measured.rows)
    verdict = judging.provisional(row, rows, max(1, len(members)), settings.judged)
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
    outcome = _outcome(verdict, expected, settings)
    failed = outcome == "failed"
    sentence = telling.failure(claim, row, verdict, rows, settings) if failed else judging.sentence(row, verdict)
    return Done(outcome, sentence, message)


def _outcome(verdict, expected: str, settings: Settings) -> str:
    if verdict.reason == "non-finite":
        return "failed"
    if verdict.verdict == "inconclusive":
        return "failed" if settings.inconclusive == "fail" and expected not in ("inconclusive", "open") else "inconclusive"
    return "failed" if judging.contradicts(verdict.verdict, expected, settings.judged) else "passed"


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
    """Passes on how far training and measuring are, and counts the runs that were trained."""

    def __init__(self, tell: Callable[[Mapping], None]):
        self.tell, self.trained = tell, 0

    def __call__(self, now: Mapping) -> None:
        self.trained += "arm" in now and now["step"] >= now["steps"]
        self.tell(now)


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
def _store(results):
    """One connection a process: sessions that earlier evidence comes from were complete when this one began."""
    from harness.store.reader import connect

    return connect(results)


@lru_cache(maxsize=1)
def _stored_specs(results) -> tuple[tuple[str, int, str], ...]:
    from harness.store import compare

    return tuple(compare.stored_specs(results))
