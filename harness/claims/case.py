"""A case: one checkpoint of each arm. What was seen is told, not judged.

A single value has no spread, so no interval says how far the next run would be from it. The verdict is inconclusive, "a case";
its detail says where the value and those of its controls lie, which is what further replicates would have to bear out.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.claims.bounds import Bound
from harness.claims.claim import Claim
from harness.claims.control_check import Checked
from harness.claims.samples import Scores, distance
from harness.claims.verdict import A_CASE, SUPPORTED, Verdict


def told(claim: Claim, scores: Scores, controls: Sequence[Checked], blank: Verdict, floor_problem: str | None) -> Verdict:
    """The verdict on a case.

    Args:
        scores: of the one replicate; finite.
        controls: nulls, then plants, in declared order.
        blank: a verdict with the figures of the controls and the noise floor.
        floor_problem: what is wrong with the noise floor, "" if nothing; None where one is declared and was not measured.
    """
    (score,) = scores.finite
    estimate = claim.bound.reported(score) if claim.bound.statistical else score
    parts = [f"seen once: {_figure(estimate)} {_place(claim.bound, score)}"]
    declared = zip((*claim.nulls, *claim.plants), controls, strict=True)
    parts += [_control(claim, index, control.must, checked, score) for index, (control, checked) in enumerate(declared)]
    if floor_problem or floor_problem is None:
        parts.append(floor_problem or "no noise floor")
    elif blank.noise_floor is not None and (margin := abs(distance(claim.bound, score))) < blank.noise_floor:
        parts.append(f"it is {margin:.3g} from its limit, less than the noise floor {blank.noise_floor:.3g}")
    return replace(blank, reason=A_CASE, estimate=estimate, detail="; ".join(parts))


def _control(claim: Claim, index: int, must: str, checked: Checked, score: float) -> str:
    is_null = index < len(claim.nulls)
    title = f"the {'null' if is_null else 'plant'} {checked.label}"
    if checked.mean is None:
        return checked.detail
    here = inside(claim.bound, checked.mean)
    gave = f"{title} gave {_figure(checked.estimate)}, {'inside' if here else 'outside'}"
    if is_null:
        return gave + " too, without the learning signal" * (here and inside(claim.bound, score))
    return gave + (" as it must" if here == (must == SUPPORTED) else ": the measure misses what was put in")


def inside(bound: Bound, score: float) -> bool:
    """Whether one value on the judged scale satisfies the bound."""
    if not bound.statistical:
        return score == float(bound.equals)
    return any(segment.holds(score, score) for segment in bound.support())


def _place(bound: Bound, score: float) -> str:
    here = inside(bound, score)
    if not bound.statistical:
        return "is what is stated" if here else "is not what is stated"
    return f"lies {'inside' if here else 'outside'} the bound {bound.text()}"


def _figure(value: float | None) -> str:
    return "no number" if value is None else f"{value:.3g}"
