"""Do the controls of a claim behave? Judged by the claim's own bound, at its own alpha, unadjusted for the family.

A plant that does not get its verdict, or a control that is not there, not finite or not matched for every seed: "control failed".
A null that the bound is supported on too, or that cannot be told from the claim: "null explains it". A claim and its null
are told apart by the paired difference, whose two-sided 1 - alpha interval must lie wholly on the claim's side of 0 (for
True/False replicates: an exact sign test of the seeds that disagree). Both checks can only take support away.
"""

import math
from dataclasses import dataclass

from harness.claims.bounds import Bound
from harness.claims.claim import Claim
from harness.claims.clopper_pearson import ShareSample
from harness.claims.controls import Control
from harness.claims.interval import TSample
from harness.claims.samples import Scores, place
from harness.claims.sequence import ShareSequence, TSequence
from harness.claims.verdict import CONTROL_FAILED, NULL_EXPLAINS, REFUTED, SUPPORTED, Evidence, Value, unmatched
from harness.errors import SpecError


@dataclass(frozen=True)
class Checked:
    """One control, judged; `problem` is a reason that keeps the claim from a verdict, or "" with no objection."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    verdict: str | None
    problem: str
    detail: str
    mean: float | None
    """Estimate on the judged scale."""

    def figures(self, role: str) -> dict[str, str | float | None]:
        """The fields of a Verdict for role "null" or "plant"."""
        return {
            f"{role}_name": self.label,
            f"{role}_estimate": self.estimate,
            f"{role}_low": self.low,
            f"{role}_high": self.high,
            f"{role}_verdict": self.verdict,
        }


def check_controls(claim: Claim, evidence: Evidence, method: str) -> tuple[list[Checked], list[Checked]]:
    """Nulls and plants of a claim, in declared order.

    Raises:
        SpecError: the evidence holds a control that the claim does not declare.
    """
    for role, declared, measured in (
        ("null", claim.nulls, evidence.nulls),
        ("plant", claim.plants, evidence.plants),
    ):
        extra = set(measured) - {control.label() for control in declared}
        if extra:
            raise SpecError(f"claim {claim.id!r} has no {role} called {sorted(extra)[0]!r}: measure what it declares.")
    nulls = [_check(claim, c, "null", evidence.nulls.get(c.label()), evidence, method) for c in claim.nulls]
    plants = [_check(claim, c, "plant", evidence.plants.get(c.label()), evidence, method) for c in claim.plants]
    return nulls, plants


def _check(
    claim: Claim, control: Control, role: str, values: tuple[Value, ...] | None, evidence: Evidence, method: str
) -> Checked:
    label, n = control.label(), len(evidence.values)
    title = f"the {role} {label}"

    def failed(detail: str) -> Checked:
        return Checked(label, None, None, None, None, CONTROL_FAILED, detail, None)

    if values is None:
        return failed(f"{title} was not measured")
    if len(values) != n:
        return failed(f"{title} was measured on {len(values)} of {n} replicates")
    if lost := unmatched(values):
        return failed(f"{title} is unmatched in {len(lost)} of {n} replicates: {lost[0].says}")
    scores = Scores.of(claim.bound, values)
    if scores.missing:
        return failed(f"{title} is not finite in {scores.missing} of {n} replicates")
    if claim.bound.statistical:
        checked = _judged(claim, label, scores, method)
    else:
        checked = _judged_exactly(claim, control, label, scores)
    if checked.verdict is None:
        return checked
    problem, detail = _objection(claim, control, role, checked, scores, evidence, method)
    return Checked(label, checked.estimate, checked.low, checked.high, checked.verdict, problem, detail, checked.mean)


def _judged(claim: Claim, label: str, scores: Scores, method: str) -> Checked:
    """Verdict of a control by the bound; None with fewer than two replicates."""
    bound, mean = claim.bound, scores.mean()
    sample = scores.sample(method)
    if sample is None:
        return Checked(label, bound.reported(mean), None, None, None, "", "", mean)
    interval = sample.interval(claim.alpha, bound.sides)
    verdict = place(bound, interval)
    low, high = bound.reported(interval.low), bound.reported(interval.high)
    return Checked(label, bound.reported(mean), low, high, verdict, "", "", mean)


def _judged_exactly(claim: Claim, control: Control, label: str, scores: Scores) -> Checked:
    """A null has to break an exact statement in every replicate, a plant to keep it in every one."""
    target = float(claim.bound.equals)
    kept = [value == target for value in scores.finite]
    if not kept:
        return Checked(label, None, None, None, None, "", "", None)
    counts = any(kept) if control.must == "unsupported" else all(kept)
    verdict = SUPPORTED if counts else REFUTED
    farthest = max(scores.finite, key=lambda value: abs(value - target))
    return Checked(label, farthest, None, None, verdict, "", "", farthest)


def _objection(
    claim: Claim, control: Control, role: str, checked: Checked, scores: Scores, evidence: Evidence, method: str
) -> tuple[str, str]:
    title = f"the {role} {checked.label}"
    verdict = checked.verdict
    if role == "plant":
        got_it = verdict != SUPPORTED if control.must == "unsupported" else verdict == control.must
        if not got_it and not _as_good_as_possible(claim.bound, control, scores):
            return CONTROL_FAILED, f"{title} must be {control.must} but is {verdict}{_figures(checked)}"
        return "", ""
    if verdict == SUPPORTED:
        return NULL_EXPLAINS, f"{title} satisfies the bound too{_figures(checked)}"
    if control.must == REFUTED and verdict != REFUTED:
        return CONTROL_FAILED, f"{title} must be refuted but is {verdict}{_figures(checked)}"
    if claim.bound.statistical and not _told_apart(claim, Scores.of(claim.bound, evidence.values), scores, method):
        return NULL_EXPLAINS, f"{title} cannot be told from it{_figures(checked)}"
    return "", ""


def _as_good_as_possible(bound: Bound, control: Control, scores: Scores) -> bool:
    """n of n true (or none) is all that a plant can show for a share, even where n is too small to support it."""
    if bound.kind != "fraction" or control.must == "unsupported":
        return False
    return set(scores.finite) == {1.0 if control.must == SUPPORTED else 0.0}


def _told_apart(claim: Claim, real: Scores, null: Scores, method: str) -> bool:
    """Whether claim and null differ, seed by seed, towards the claim's side. True where that cannot be asked."""
    if real.missing or len(real.values) < 2:
        return True
    differences = [a - b for a, b in zip(real.finite, null.finite, strict=True)]
    if claim.bound.kind == "fraction":
        better, worse = differences.count(1.0), differences.count(-1.0)
        share = (ShareSequence if method == "sequence" else ShareSample)(better, better + worse)
        return better > worse and share.p_above(0.5) <= claim.alpha
    sample = (TSequence if method == "sequence" else TSample).of(differences)
    low, high, _ = sample.interval(claim.alpha, sides=2)
    if claim.bound.kind == "below":
        return high < 0.0
    if claim.bound.kind in ("above", "greater"):
        return low > 0.0
    return high < 0.0 or low > 0.0


def _figures(checked: Checked) -> str:
    if checked.estimate is None or not math.isfinite(checked.estimate):
        return ""
    if checked.low is None or checked.high is None:
        return f": {checked.estimate:.3g}"
    return f": {checked.estimate:.3g} [{checked.low:.3g}, {checked.high:.3g}]"


def nearest(nulls: list[Checked], mean: float | None) -> Checked | None:
    """The null to show: one that objects, or else the one nearest to the claim."""
    objecting = [null for null in nulls if null.problem]
    if objecting or not nulls:
        return objecting[0] if objecting else None
    known = [null for null in nulls if null.mean is not None]
    if mean is None or not known:
        return nulls[0]
    return min(known, key=lambda null: abs(null.mean - mean))

